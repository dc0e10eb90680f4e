"""``statloom survey estimate``: estimates with their uncertainty from a file of survey microdata."""

import argparse
import os
from pathlib import Path
from typing import Any

HELP = "estimate from survey microdata"

_EPILOG = """\
design.yml        weight: weight
                  strata: stratum
                  psu: ea

estimands.yml     estimands:
                    - {name: literacy, type: proportion, expression: literate = 1, where: age >= 15}
                  by: [[], [province], [province, sex]]

docs/survey-estimation.md tells all fields, the formulas and their sources.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    estimate = actions.add_parser(
        "estimate",
        help="estimate all estimands in all domains and write one CSV file",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    estimate.add_argument("data", help="Parquet file or folder, CSV, Stata .dta or SPSS .sav; one row a case")
    estimate.add_argument("--design", required=True, metavar="FILE", help="YAML: weight, strata, psu, fpc, …")
    estimate.add_argument(
        "--estimands", required=True, metavar="FILE", help="YAML: estimands, and by, level, …"
    )
    estimate.add_argument(
        "--by",
        action="append",
        metavar="COLUMN[,COLUMN]",
        help="domain columns, again for each list of them ('' is the whole); in place of the file's `by`",
    )
    estimate.add_argument("--out", required=True, metavar="FILE.csv", help="where the estimates are written")


def execute(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from statloom.microdata.survey import SurveyError, estimate, load_design
    from statloom.microdata.survey.request import load_request

    out = Path(arguments.out)
    if not out.absolute().parent.is_dir():
        raise SurveyError(f"{out}: there is no folder {out.absolute().parent}")
    request = load_request(arguments.estimands)
    if arguments.by is not None:
        request["by"] = [[name for name in text.split(",") if name] for text in arguments.by]
    frame = estimate(_read(Path(arguments.data)), load_design(arguments.design), **request)
    part = out.with_name(out.name + ".part")
    try:
        _write(frame, part)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    domains = len(frame) // max(1, frame["estimand"].nunique())
    print(f"{out}: {len(frame)} estimates, {frame['estimand'].nunique()} estimands in {domains} domains")
    return 0


def _write(frame: Any, path: Path) -> None:
    """Write a CSV file; by DuckDB, in a tenth of pandas' time."""
    import duckdb
    import pyarrow as pa

    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.register("estimates", pa.Table.from_pandas(frame, preserve_index=False))
        target = str(path).replace("'", "''")
        connection.execute(f"COPY (FROM estimates) TO '{target}' (FORMAT csv, HEADER)")


def _read(path: Path) -> Any:
    """Return the data, or, for Parquet, the path, which is read column by column."""
    from statloom.microdata.survey import SurveyError

    if not path.exists():
        raise SurveyError(f"{path}: no such file")
    kind = path.suffix.lower()
    try:
        if kind == ".csv":
            from pyarrow import csv

            return csv.read_csv(path)
        if kind in (".dta", ".sav"):
            import pyreadstat

            read = pyreadstat.read_dta if kind == ".dta" else pyreadstat.read_sav
            return read(str(path))[0]
    except Exception as error:
        raise SurveyError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    return path
