"""What writing a release's figures costs: CSV, Parquet and SDMX-CSV, beside DuckDB writing CSV and Parquet.

Usage: python -m benchmarks.exports [--observations 5000000] [--series 50] [--write]

Makes observations with the columns of released cells, series by series, and has each written from the same
Arrow table: by Statloom's exporters, and by DuckDB's COPY. Twice: plain, and with CSV packed by gzip. What
was written is read again by DuckDB and compared. Statloom writes SDMX-CSV of both editions. Seconds are those
of writing alone, added up over the series. ``--write`` keeps the result in ``benchmarks/results/exports.md``.
"""

import argparse
import datetime
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "plugins")]

from benchmarks import machine  # noqa: E402
from statloom.exports import csv, parquet, sdmx  # noqa: E402
from statloom.exports.model import About, Dataset, Source, fields_of  # noqa: E402
from statloom.release import frames  # noqa: E402
from statloom.release.columns import CELL, DIMENSIONS  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "exports.md"
AIM = 2.0
ABOUT = About(1, 1, datetime.date(2026, 11, 22), "Open data", "Figures.", "Office")
SOURCES = tuple(Source(f"census_{n}", f"Census {n}", "Bureau", "CC-BY-4.0") for n in range(2))

# 838 places × sex × 8 groups by year; a tenth of the figures shared out, a hundredth estimates.
ROWS = """
select md5('{series}-' || n)::varchar as observation_key, 'NP_SERIES_{series}' as series_code,
    '6.2.1' as indicator_code, 6 as goal, 'NP-2017:local_unit:' || (10000 + n % 838) as place_id,
    (10000 + n % 838)::varchar as place_code, 'Place ' || n % 838 as place_name, 'local_unit' as place_level,
    'NP-2017' as place_vintage, (2000 + n // (838 * 24))::varchar as period,
    make_date(2000 + (n // (838 * 24))::integer, 1, 1) as period_start,
    make_date(2000 + (n // (838 * 24))::integer, 12, 31) as period_end,
    (2000 + n // (838 * 24))::varchar as time_detail,
    ['_T', 'F', 'M'][1 + n // 838 % 3] as sex, 'Y' || 5 * (n // 2514 % 8) as age,
    {dimensions},
    case when n % 199 <> 0 then hash(n + {series}) % 100003 / 1000 end as value, 'PERCENT' as unit,
    case when n % 199 <> 0 then (hash(n + {series}) % 100003)::double end as numerator,
    case when n % 199 <> 0 then 100003.0 end as denominator,
    case when n % 100 = 1 then hash(n) % 997 / 991 end as se,
    case when n % 100 = 1 then hash(n) % 83 / 830 end as cv,
    case when n % 100 = 1 then hash(n) % 97 / 97 end as ci_low,
    case when n % 100 = 1 then 1 + hash(n) % 97 / 97 end as ci_high,
    case when n % 100 = 1 then (hash(n) % 5000)::bigint end as n,
    case when n % 100 = 1 then 1.25 end as deff,
    case when n % 100 = 1 then 'reliable' end as quality_band,
    case when n % 100 = 1 then 'publish' end as quality_rule,
    case when n % 199 = 0 then 'Q' when n % 10 = 3 then 'E' else 'A' end as obs_status,
    case when n % 199 = 0 then 'left out: fewer than 10, to protect respondents' end as comment,
    'census_' || n % 2 as source_id, 'vdc' as source_level,
    case when n % 10 = 3 then 'apportioned' else 'exact_merge' end as geo_method,
    case when n % 10 = 3 then hash(n) % 101 / 101 else 0 end as split_share,
    case when n % 10 = 3 then hash(n) % 103 / 103 else 0 end as geo_se, true as preferred
from range({rows}) r (n)
order by n
"""


class Clock:
    """Adds up the seconds and the CPU seconds of what it is given to do."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    def __call__(self, work: Callable, *arguments, **options):
        """Do ``work`` and return its result."""
        cpu, seconds = time.process_time(), time.perf_counter()
        try:
            return work(*arguments, **options)
        finally:
            self.cpu += time.process_time() - cpu
            self.seconds += time.perf_counter() - seconds


def frame(connection: duckdb.DuckDBPyConnection, series: int, rows: int) -> pa.Table:
    """Return the cells of a series."""
    others = ", ".join(f"'_T' as {name}" for name in DIMENSIONS if name not in ("sex", "age"))
    made = connection.sql(ROWS.format(series=series, rows=rows, dimensions=others)).to_arrow_table()
    return made.select(list(CELL)).cast(frames.empty(CELL).schema).combine_chunks()


def ours(folder: Path, table: pa.Table, writer: sdmx.Writer, series: int, gzip_above: int | None) -> None:
    """Write one series as a release does."""
    dataset = Dataset(f"NP_SERIES_{series}", f"Series {series}", "Share.", "Per cent", SOURCES)
    text = csv.render(table)
    csv.save(text, folder / f"{series}.csv", gzip_above=gzip_above)
    parquet.write(table, folder / f"{series}.parquet", dataset=dataset, fields=fields_of(table.schema, {}))
    writer.add(table, dataset, ml=False)


def peer(
    connection: duckdb.DuckDBPyConnection, folder: Path, table: pa.Table, series: int, packed: bool
) -> None:
    """Write the same series with DuckDB."""
    connection.register("cells", table)
    name = f"{series}.csv.gz" if packed else f"{series}.csv"
    compression = "gzip" if packed else "none"
    connection.execute(f"copy cells to '{folder / name}' (header, compression {compression})")
    connection.execute(
        f"copy cells to '{folder / f'{series}.parquet'}' "
        "(format parquet, compression zstd, row_group_size 1000000)"
    )
    connection.unregister("cells")


def measure(observations: int, series: int, packed: bool) -> tuple[Clock, Clock, list[str]]:
    """Write all figures both ways; return the clocks of ours and of DuckDB, and what differs."""
    folder = Path(tempfile.mkdtemp(prefix="statloom-exports-"))
    here, there = folder / "ours", folder / "duckdb"
    here.mkdir()
    there.mkdir()
    connection, mine, theirs = duckdb.connect(), Clock(), Clock()
    above = 0 if packed else None
    try:
        writer = mine(sdmx.Writer, here, ABOUT, cells=observations, gzip_above=above)
        with writer:
            for number in range(series):
                table = frame(connection, number, observations // series)
                # In turns, so that whatever else the machine does falls on both.
                turns = [
                    lambda table=table, number=number: mine(ours, here, table, writer, number, above),
                    lambda table=table, number=number: theirs(peer, connection, there, table, number, packed),
                ]
                for turn in turns if number % 2 else reversed(turns):
                    turn()
            mine(writer.finish, [])
        return mine, theirs, differences(connection, here, there, packed)
    finally:
        shutil.rmtree(folder)


def differences(connection: duckdb.DuckDBPyConnection, here: Path, there: Path, packed: bool) -> list[str]:
    """Return the files whose number of figures or sums differ."""
    ending = ".gz" if packed else ""

    def sums(files: str, value: str = "value", **options: str) -> tuple:
        more = "".join(f", {name} = {option}" for name, option in options.items())
        function = "read_parquet" if files.endswith("parquet") else "read_csv"
        rows, values, total = connection.sql(
            f"select count(*), count({value}), sum({value}::decimal(38, 6)) from {function}('{files}'{more})"
        ).fetchall()[0]
        return rows, values, total

    wanted = sums(str(there / "*.parquet"))
    found = {
        "CSV": sums(str(here / f"*.csv{ending}"), all_varchar="true"),
        "DuckDB's CSV": sums(str(there / f"*.csv{ending}"), all_varchar="true"),
        "Parquet": sums(str(here / "*.parquet")),
        "SDMX-CSV 2.0": sums(str(here / f"sdmx/3.0/data.csv{ending}"), "OBS_VALUE", all_varchar="true"),
        "SDMX-CSV 1.0": sums(str(here / f"sdmx/2.1/data.csv{ending}"), "OBS_VALUE", all_varchar="true"),
    }
    return [f"{name}: {figures} instead of {wanted}" for name, figures in found.items() if figures != wanted]


def main() -> int:
    """Measure, print and, when asked, keep the result; return 1 when the aim is missed or files differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--observations", type=int, default=5_000_000)
    parser.add_argument("--series", type=int, default=50)
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    arguments = parser.parse_args()
    lines, failed = [], False
    for packed in (False, True):
        mine, theirs, different = measure(arguments.observations, arguments.series, packed)
        kind = "packed by gzip" if packed else "plain"
        ratio = mine.seconds / theirs.seconds
        failed |= ratio > AIM or bool(different)
        lines += [
            f"| Statloom: CSV, Parquet, SDMX-CSV 2.0 and 1.0; CSV {kind} "
            f"| {mine.seconds:.1f} | {mine.cpu:.1f} | {arguments.observations / mine.seconds / 1e6:.2f} "
            f"| {ratio:.2f} of DuckDB's; at most {AIM:.0f} |",
            f"| DuckDB: CSV, Parquet; CSV {kind} | {theirs.seconds:.1f} | {theirs.cpu:.1f} | "
            f"{arguments.observations / theirs.seconds / 1e6:.2f} | |",
            *(f"| **differs** {text} | | | | |" for text in different),
        ]
    text = "\n".join(
        [
            "# Writing a release's figures",
            "",
            f"{arguments.observations:,} observations in {arguments.series} series, with the "
            f"{len(CELL)} columns of released cells; each series from the same Arrow table, in turns.",
            "",
            f"Measured {datetime.datetime.now(datetime.UTC):%Y-%m-%d} on {machine.describe()}; "
            f"load {os.getloadavg()[0]:.1f}. Sums of all files are compared.",
            "",
            "| | seconds | CPU seconds | million observations a second | aim |",
            "| --- | ---: | ---: | ---: | --- |",
            *lines,
            "",
        ]
    )
    print(text)
    if arguments.write:
        RESULTS.write_text(text, encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
