"""What a publication costs: of all rows, of none that changed, of 1 % that changed; and how fast marts read.

Usage: python benchmarks/publication.py [--rows 10000000] [--share 0.01] [--url URL] [--write]

Builds ``candidate.observation`` with the columns of the real mart in a database of its own (dropped at the
end) on the server at URL (default: STATLOOM_DATABASE_URL), publishes it, changes a share of its rows
(scattered over all places and series), publishes again, and compares what the mart shows with the candidate.
Times readers too. ``--write`` keeps the result in ``benchmarks/results/publication.md``.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, make_url, text

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "plugins")]

from benchmarks import machine  # noqa: E402
from statloom.publication import publish  # noqa: E402
from statloom.release.columns import DIMENSIONS  # noqa: E402

DATABASE = "statloom_benchmark_publication"
SCHEMA = Path(__file__).parents[1] / "plugins" / "statloom" / "warehouse" / "schema.sql"

# 6,500 series on 838 places; periods follow from the number of rows.
ROWS = """
create unlogged table candidate.observation as
select md5(n::text)::uuid as observation_key, 'NP_SERIES_' || series as series_code,
    (n % 17 + 1) || '.' || (n % 9 + 1) || '.1' as indicator_code, (n % 17 + 1)::integer as goal,
    'NP-2017:local_unit:' || 10000 + place as place_id, (10000 + place)::text as place_code,
    'Place ' || place as place_name, 'local_unit' as place_level, 'NP-2017' as place_vintage,
    year::text as period, make_date(year, 1, 1) as period_start, make_date(year, 12, 31) as period_end,
    null::text as time_detail, {dimensions},
    (n * 7919 % 100003)::numeric / 1000 as value, (n * 7919 % 100003)::numeric as numerator,
    100000::numeric as denominator, 'PERCENT' as unit, null::double precision as se,
    null::double precision as cv, null::double precision as ci_low, null::double precision as ci_high,
    null::bigint as n, 'census_' || series % 20 as source_id, 'local_unit' as source_level,
    'observed' as geo_method, 'A' as obs_status, null::text as comment
from (
    select n, n % 6500 as series, n / 6500 % 838 as place, (2000 + n / (6500 * 838))::integer as year
    from generate_series(0::bigint, {rows} - 1) n
) figure
"""

# One row a series and place: 6,500 series of each place.
PROFILE = """
create unlogged table candidate.place_profile as
select * from candidate.observation where period = (select min(period) from candidate.observation)
"""

NOTE = """
Changed in place: the rows of a candidate that is kept are changed by UPDATE; triggers note their keys, and
only these rows are compared. Made anew: the candidate is dropped and built again, as dbt does; every row is
hashed and compared. Reads are timed at the client, with all rows fetched.

In proportion to the change, but not yet within 5 % of a rebuild: about 65 µs a changed row at 5 million rows,
half of it entries in four indexes, a third looking the row up in both tables.
"""


def run(engine: Engine, statement: str) -> None:
    """Execute one statement in a transaction."""
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def timed(action: Callable[[], object]) -> tuple[float, object]:
    """Return the wall seconds of ``action`` and what it returned."""
    begun = time.perf_counter()
    result = action()
    return time.perf_counter() - begun, result


def build(engine: Engine, rows: int) -> None:
    """Build the candidate mart, as dbt would: dropped, made anew, with its key."""
    dimensions = ", ".join(f"'_T' as {name}" for name in DIMENSIONS)
    run(engine, "create schema if not exists candidate")
    run(engine, "drop table if exists candidate.observation")
    run(engine, ROWS.format(rows=rows, dimensions=dimensions).replace("%", "%%"))
    run(engine, "alter table candidate.observation add primary key (observation_key)")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("vacuum analyze candidate.observation")


def change(engine: Engine, share: float) -> int:
    """Change ``share`` of the candidate's rows, scattered; return how many."""
    every = round(1 / share)
    with engine.begin() as connection:
        return connection.exec_driver_sql(
            "update candidate.observation set value = value + 1, numerator = numerator + 1000 "
            f"where hashtext(observation_key::text) %% {every} = 0"
        ).rowcount


def median_read(connection: Connection, statement: str, values: list[str]) -> tuple[float, int]:
    """Return the median milliseconds of ``statement`` over ``values``, and the rows of the last."""
    seconds, rows = [], 0
    for value in values:
        took, result = timed(lambda v=value: connection.execute(text(statement), {"value": v}).all())
        seconds.append(took)
        rows = len(result)
    return 1000 * statistics.median(seconds), rows


def identical(engine: Engine) -> bool:
    """Say whether the mart shows exactly the candidate's rows."""
    digest = (
        "select count(*), sum(hash_record_extended({0}, 0)::numeric), "
        "sum(hash_record_extended({0}, 1)::numeric) from {1} {0}"
    )
    columns = "select * from candidate.observation"
    with engine.connect() as connection:
        shown = connection.exec_driver_sql(digest.format("o", "marts.observation")).one()
        wanted = connection.exec_driver_sql(digest.format("o", f"({columns})")).one()
    return tuple(shown) == tuple(wanted)


def measure(engine: Engine, rows: int, share: float) -> list[tuple[str, str]]:
    """Run all cases and return them as (what, result)."""

    def now():
        return publish(engine, run_id="benchmark", code_version="benchmark")

    build(engine, rows)
    first, _ = timed(now)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("vacuum analyze published.observation")
    nothing, unchanged = timed(now)
    assert not unchanged.changed
    changed = change(engine, share)
    second, publication = timed(now)
    assert publication.changes[0].changed == changed
    same = identical(engine)
    # Another table with the same rows, but for as many that changed once more.
    change(engine, share)
    run(engine, "create unlogged table candidate.anew (like candidate.observation)")
    run(engine, "insert into candidate.anew select * from candidate.observation")
    run(engine, "drop table candidate.observation")
    run(engine, "alter table candidate.anew rename to observation")
    run(engine, "alter table candidate.observation add primary key (observation_key)")
    anew, publication = timed(now)
    assert publication.changes[0].changed == changed
    same = same and identical(engine)
    run(engine, PROFILE)
    run(engine, "alter table candidate.place_profile add primary key (observation_key)")
    now()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("vacuum analyze published.observation")
        connection.exec_driver_sql("vacuum analyze published.place_profile")
    with engine.connect() as connection:
        columns = len(connection.exec_driver_sql("select * from marts.observation limit 0").keys())
        places = [str(10000 + n) for n in range(1, min(838, rows // 6500), 40)]
        series = [f"NP_SERIES_{n}" for n in range(5, 6000, 300)]
        by_series, series_rows = median_read(
            connection,
            "select place_code, period, value, geo_method, obs_status from marts.observation "
            "where series_code = :value "
            "and source_id = 'census_' || split_part(:value, '_', 3)::integer % 20 "
            "and period = '2000'",
            series,
        )
        whole_series, whole_rows = median_read(
            connection, "select * from marts.observation where series_code = :value", series
        )
        profile, profile_rows = median_read(
            connection,
            "select series_code, period, value, unit, source_id from marts.place_profile "
            "where place_id = :value",
            [f"NP-2017:local_unit:{place}" for place in places],
        )
        both, _ = median_read(
            connection,
            "select * from marts.observation where series_code = 'NP_SERIES_77' and place_code = :value",
            places,
        )
        size = connection.exec_driver_sql(
            "select pg_size_pretty(pg_table_size('published.observation')), "
            "pg_size_pretty(pg_indexes_size('published.observation'))"
        ).one()
    return [
        (
            f"first publication of {rows:,} rows × {columns} columns, with indexes (full rebuild)",
            f"{first:.1f} s",
        ),
        ("publication of which nothing changed", f"{nothing:.1f} s ({nothing / first:.1%} of a rebuild)"),
        (
            f"publication of which {changed:,} rows changed in place ({share:.0%}, scattered)",
            f"{second:.1f} s ({second / first:.1%} of a rebuild)",
        ),
        (
            f"the same, the candidate made anew with {changed:,} changed rows",
            f"{anew:.1f} s ({anew / first:.1%} of a rebuild)",
        ),
        ("marts.observation equals the candidate row for row", str(same)),
        (f"one source's series over all places, one period ({series_rows:,} rows)", f"{by_series:.1f} ms"),
        (
            f"a series over all places and periods, all {columns} columns ({whole_rows:,} rows)",
            f"{whole_series:.1f} ms",
        ),
        (f"the profile of a place ({profile_rows:,} indicators)", f"{profile:.1f} ms"),
        ("one series at one place", f"{both:.1f} ms"),
        ("size of published.observation, of its indexes", f"{size[0]}, {size[1]}"),
    ]


def server(engine: Engine) -> str:
    """Describe the server and how busy the machine is."""
    with engine.connect() as connection:
        version, buffers, fsync = (
            connection.exec_driver_sql(f"show {name}").scalar_one()
            for name in ("server_version", "shared_buffers", "fsync")
        )
    return (
        f"PostgreSQL {version}, shared_buffers {buffers}, fsync {fsync}; load of the machine at the start "
        f"{os.getloadavg()[0]:.1f}; {datetime.now(UTC):%Y-%m-%d}"
    )


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--url", default=os.environ.get("STATLOOM_DATABASE_URL"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    address = make_url(options.url).set(drivername="postgresql+psycopg")
    with create_engine(address, isolation_level="AUTOCOMMIT").connect() as administrator:
        administrator.exec_driver_sql(f"drop database if exists {DATABASE} with (force)")
        administrator.exec_driver_sql(f"create database {DATABASE}")
        engine = create_engine(address.set(database=DATABASE))
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(SCHEMA.read_text())
            about = f"{machine.describe()}; {server(engine)}"
            cases = measure(engine, options.rows, options.share)
        finally:
            engine.dispose()
            administrator.exec_driver_sql(f"drop database if exists {DATABASE} with (force)")
    lines = ["# Publication", "", about, "", "| what | result |", "| --- | --- |"]
    lines += [f"| {what} | {result} |" for what, result in cases]
    report = "\n".join(lines) + "\n" + NOTE
    print(report)
    if options.write:
        (Path(__file__).parent / "results" / "publication.md").write_text(report)


if __name__ == "__main__":
    main()
