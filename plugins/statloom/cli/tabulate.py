"""``statloom tabulate``: cells over places and breakdowns from a file of unit records, or from the vault."""

import argparse
import os
from pathlib import Path

HELP = "count and add up unit records"

_EPILOG = """\
tabulation.yml    columns: {province: text, district: text, sex: text, age: integer, literate: boolean}
                  country: NP
                  tabulation:
                    places: {province: province, district: district}
                    populations: {adults: age >= 15}
                    denominators: {adults: {population: adults}}
                    numerators: {literate_adults: {population: adults, expression: literate}}
                    breakdowns: {sex: sex, age_group: "case when age < 65 then 'below 65' else '65+' end"}

A contract with `tabulation` serves as well. docs/tabulation.md tells all keys, what an expression may hold,
and how a cluster is used.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.epilog, parser.formatter_class = _EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("request", help="YAML: what is counted over whom; or a contract")
    parser.add_argument("data", nargs="+", help="Parquet files or folders of them; one row a unit")
    parser.add_argument("--out", required=True, metavar="FILE", help="of the cells: .csv or .parquet")
    parser.add_argument("--long", action="store_true", help="one row a cell and measure")
    parser.add_argument("--record", help="the record that is tabulated, when the request has several")
    parser.add_argument("--memory", default="640MB", help="limit of DuckDB (%(default)s)")
    parser.add_argument("--threads", type=int, help="of DuckDB (default: all cores)")
    parser.add_argument("--spark", metavar="MASTER", help="run on a Spark cluster: spark://host:7077")
    parser.add_argument(
        "--spark-conf", action="append", default=[], metavar="KEY=VALUE", help="a setting of the session"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from statloom.microdata.tabulation import DuckDB, Spark, TabulationError, load_request, long, tabulate

    out = Path(arguments.out)
    if out.suffix not in (".csv", ".parquet"):
        raise TabulationError(f"{out}: the name must end in .csv or .parquet")
    if not out.absolute().parent.is_dir():
        raise TabulationError(f"{out}: there is no folder {out.absolute().parent}")
    plans = {plan.record: plan for plan in load_request(arguments.request)}
    if arguments.record is None and len(plans) > 1:
        raise TabulationError(f"--record is needed: one of {', '.join(plans)}")
    record = arguments.record or next(iter(plans))
    if record not in plans:
        raise TabulationError(f"no measure is about record {record!r}; there are {', '.join(plans)}")
    plan = plans[record]
    engine = DuckDB(memory=arguments.memory, threads=arguments.threads)
    if arguments.spark:
        settings = [text.partition("=") for text in arguments.spark_conf]
        engine = Spark(arguments.spark, {key: value for key, _, value in settings})
    table = tabulate(arguments.data, plan, engine=engine)
    _write(long(table, plan) if arguments.long else table, out)
    measures = "measure" if len(plan.figures) == 1 else "measures"
    print(f"{out}: {len(table):,} cells, {len(plan.figures)} {measures}")
    return 0


def _write(table, out: Path) -> None:
    from pyarrow import csv, parquet

    from statloom.exports.formulas import neutralised

    part = out.with_name(out.name + ".part")
    try:
        if out.suffix == ".csv":
            csv.write_csv(neutralised(table), part, csv.WriteOptions(quoting_style="needed"))
        else:
            parquet.write_table(table, part, compression="zstd")
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
