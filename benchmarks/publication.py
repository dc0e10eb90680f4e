"""What a publication costs, and what its readers notice of it.

Usage: python -m benchmarks.publication [--rows 10000000] [--marts 30] [--share 0.01] [--url URL] [--write]

In a database of its own (dropped at the end), in a server of its own with Statloom's settings unless URL
names another: builds ``candidate.observation`` with the columns of the real mart, publishes it (the full
rebuild), changes a share of its rows in place and publishes, makes the candidate anew with as many other
changes and publishes, and compares each time what the mart shows with the candidate. Then times the reads of
a series and of a place's profile; then publishes a change of all ``--marts`` marts while 8 readers read.
``--write`` keeps the result under its number of rows in ``benchmarks/results/publication.md``. Takes about
1.4 KB of disk a row.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, make_url, text

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "plugins")]

from benchmarks import machine, server_cpu  # noqa: E402
from benchmarks.publication_readers import READERS, Reads, percentiles, reading  # noqa: E402
from statloom.publication import publish, publisher  # noqa: E402

DATABASE = "statloom_benchmark_publication"
SCHEMA = Path(__file__).parents[1] / "plugins" / "statloom" / "warehouse" / "schema.sql"
RESULTS = Path(__file__).parent / "results" / "publication.md"
SMALL_ROWS = 2_000
DIMENSIONS = (
    *("sex", "age", "urbanisation", "income_wealth_quantile", "education_lev", "occupation"),
    *("cust_breakdown", "composite_breakdown", "disability_status", "activity", "product"),
)

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
SMALL = """
create unlogged table candidate.{mart} as
select md5(n::text)::uuid as row_key, 'S' || n % 200 as series_code, (10000 + n / 200)::text as place_code,
    '2000' as period, n::numeric as value, 1 as stamp
from generate_series(1, {rows}) n
"""
CHANGE = """
update candidate.{mart} set value = value + 1, numerator = numerator + 1000
where abs(hashtext(observation_key::text) % {every}) = {turn}
"""
NOTE = """
Full rebuild: the candidate is published for the first time, with indexes. In place: rows of a candidate that
is kept are changed by UPDATE; triggers note them, and only these are looked at. Made anew: the candidate is
dropped and built again, as dbt's tables are; every row is hashed and compared. The changed rows are scattered
evenly over all series, places and pages, which costs most. CPU: of all processes of the server; on a machine
that does other work it says more than the seconds on the clock. Reads are timed at the client, with all rows
fetched. Switch: from the first statement of the flip until every new transaction sees the new publication.
Readers: 8 processes; each read is one transaction that reads a series, a profile and two small marts.
"""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of the server's processors (None: the server is elsewhere)."""

    wall: float
    cpu: float | None

    def __str__(self) -> str:
        return f"{self.wall:.1f} s" + ("" if self.cpu is None else f", {self.cpu:.1f} s CPU")

    def share(self, whole: "Cost") -> str:
        """Say what share of ``whole`` this is."""
        of_cpu = "" if self.cpu is None or not whole.cpu else f", {self.cpu / whole.cpu:.1%} of its CPU"
        return f"{self} ({self.wall / whole.wall:.1%} of a rebuild's time{of_cpu})"


class Bench:
    """The database of the benchmark, and the lines of its report."""

    def __init__(self, engine: Engine, share: float) -> None:
        self.engine, self.every, self.turn = engine, round(1 / share), 0
        self.first = server_cpu.postmaster(engine)
        self.lines: list[tuple[str, str]] = []
        self.flips: list[float] = []

    def say(self, what: str, result: str) -> None:
        """Add a line to the report."""
        print(f"{datetime.now(UTC):%H:%M:%S}  {what}: {result}", flush=True)
        self.lines.append((what, result))

    def run(self, *statements: str) -> int:
        """Execute statements in one transaction and return the last one's rows."""
        with self.engine.begin() as connection:
            for statement in statements:
                count = connection.exec_driver_sql(statement.replace("%", "%%")).rowcount
        return count

    def tidy(self, *tables: str) -> None:
        """Vacuum and analyse tables, and write out what waits to be written: not part of what is measured."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in tables:
                connection.exec_driver_sql(f"vacuum (analyze) {table}")
            with contextlib.suppress(Exception):  # an office's server may not allow it
                connection.exec_driver_sql("checkpoint")

    def cost(self, action: Callable[[], object]) -> tuple[Cost, object]:
        """Run ``action``; return what it cost and what it returned."""
        used, begun = server_cpu.seconds(self.first), time.perf_counter()
        result = action()
        wall, now = time.perf_counter() - begun, server_cpu.seconds(self.first)
        return Cost(wall, None if now is None or used is None else now - used), result

    def publish(self) -> tuple[Cost, dict[str, int]]:
        """Publish; return the cost and the number of changed rows of each mart."""
        cost, publication = self.cost(
            lambda: publish(self.engine, run_id="benchmark", code_version="benchmark")
        )
        return cost, {change.mart: change.added + change.changed for change in publication.changes}

    def change(self, mart: str) -> int:
        """Change a share of a candidate's rows, each time others; return how many."""
        self.turn += 1
        return self.run(CHANGE.format(mart=mart, every=self.every, turn=self.turn))

    def same(self, mart: str) -> bool:
        """Say whether a mart shows exactly its candidate's rows: counts and sums of hashes of whole rows."""
        hashed = "hash_record_extended(o, 1)"
        digest = f"select count(*), sum({hashed}), bit_xor({hashed}) from {{}}.{{}} o"
        with self.engine.connect() as connection:
            shown, wanted = (
                connection.exec_driver_sql(digest.format(schema, mart)).one()
                for schema in ("marts", "candidate")
            )
        return tuple(shown) == tuple(wanted)

    @contextlib.contextmanager
    def flips_timed(self) -> Iterator[None]:
        """Keep the seconds that each switch takes."""
        real = publisher._flip

        def flip(connection: Connection, number: int) -> None:
            begun = time.perf_counter()
            real(connection, number)
            self.flips.append(time.perf_counter() - begun)

        publisher._flip = flip
        try:
            yield
        finally:
            publisher._flip = real


def build(bench: Bench, rows: int) -> None:
    """Build the candidate mart, as dbt would: made anew, with its key."""
    dimensions = ", ".join(f"'_T' as {name}" for name in DIMENSIONS)
    bench.run(
        "create schema if not exists candidate",
        ROWS.format(rows=rows, dimensions=dimensions),
        "alter table candidate.observation add primary key (observation_key)",
    )
    bench.tidy("candidate.observation")


def publications(bench: Bench, rows: int) -> None:
    """Measure the full rebuild, a change in place and a change in a candidate made anew."""
    rebuild, _ = bench.publish()
    bench.say(f"full rebuild: first publication of {rows:,} rows × 38 columns", str(rebuild))
    bench.tidy("published.observation")
    nothing, _ = bench.publish()
    bench.say("nothing changed", nothing.share(rebuild))
    for time_ in ("first", "second"):
        changed = bench.change("observation")
        bench.tidy()
        cost, counted = bench.publish()
        assert counted["observation"] == changed, (counted, changed)
        bench.say(f"{changed:,} rows changed in place, {time_} time", cost.share(rebuild))
    bench.say("the mart equals the candidate, row for row", str(bench.same("observation")))
    changed = bench.change("observation")
    bench.run(
        "create unlogged table candidate.anew (like candidate.observation)",
        "insert into candidate.anew select * from candidate.observation",
        "drop table candidate.observation",
        "alter table candidate.anew rename to observation",
        "alter table candidate.observation add primary key (observation_key)",
    )
    bench.tidy("candidate.observation")
    cost, counted = bench.publish()
    assert counted["observation"] == changed, (counted, changed)
    bench.say(f"candidate made anew, {changed:,} rows changed", cost.share(rebuild))
    bench.say("the mart equals the candidate, row for row", str(bench.same("observation")))


def median_read(connection: Connection, statement: str, values: list[str]) -> tuple[float, int]:
    """Return the median milliseconds of ``statement`` over ``values``, and the rows of the last."""
    seconds, rows = [], 0
    for value in values:
        begun = time.perf_counter()
        rows = len(connection.execute(text(statement), {"value": value}).all())
        seconds.append(time.perf_counter() - begun)
    return 1000 * statistics.median(seconds), rows


def reads(bench: Bench, known: dict) -> None:
    """Time the reads of one reader: a series over all places, a place's profile, one figure."""
    cases = {
        "a source's series over all places, one period": (
            "select place_code, period, value, geo_method, obs_status from marts.observation "
            "where series_code = :value and period = '2000' "
            "and source_id = 'census_' || split_part(:value, '_', 3)::integer % 20",
            known["series"],
        ),
        "a source's series over all places and periods": (
            "select place_code, period, value, geo_method, obs_status from marts.observation "
            "where series_code = :value "
            "and source_id = 'census_' || split_part(:value, '_', 3)::integer % 20",
            known["series"],
        ),
        "the profile of a place": (
            "select series_code, period, value, unit, source_id from marts.place_profile "
            "where place_id = :value",
            known["places"],
        ),
        "one series at one place": (
            "select * from marts.observation where series_code = 'NP_SERIES_77' and place_id = :value",
            known["places"],
        ),
    }
    with bench.engine.connect() as connection:
        for what, (statement, values) in cases.items():
            median_read(connection, statement, values[:3])
            took, rows = median_read(connection, statement, values)
            bench.say(f"{what} ({rows:,} rows)", f"{took:.1f} ms")
        table, indexes = connection.exec_driver_sql(
            "select pg_size_pretty(sum(pg_table_size(c.oid))), pg_size_pretty(sum(pg_indexes_size(c.oid))) "
            "from pg_class c join pg_namespace n on n.oid = relnamespace "
            "where nspname = 'published' and relname like 'observation%%' and relkind = 'r'"
        ).one()
        bench.say("size of published.observation, of its indexes", f"{table}, {indexes}")


def under_readers(bench: Bench, known: dict, marts: int, pause: float) -> None:
    """Publish a change of all marts while 8 readers read, and compare their times with those before."""

    def everything_changes() -> int:
        for mart in known["marts"]:
            bench.run(f"update candidate.{mart} set stamp = stamp + 1")
        return bench.change("observation") + bench.change("place_profile")

    everything_changes()
    bench.tidy()
    url = bench.engine.url.render_as_string(hide_password=False)
    with reading(url, known, pause) as seen, bench.flips_timed():
        begin = time.monotonic()
        time.sleep(12)
        spans = []
        for number in range(2):
            if number:
                everything_changes()
                time.sleep(1)
            spans.append([time.monotonic()])
            bench.publish()
            spans[-1].append(time.monotonic())
    before = seen.between(begin, begin + 12)
    during = sorted(took for span in spans for took in seen.between(*span))
    bench.say(
        f"switch of {marts} marts, {READERS} readers reading",
        ", ".join(f"{1000 * took:.0f} ms" for took in bench.flips),
    )
    for what, took in (("before", before), ("during publication", during)):
        median, slow = percentiles(took)
        bench.say(
            f"reads {what} ({len(took):,}; pause {1000 * pause:.0f} ms)",
            f"median {1000 * median:.1f} ms, 99th percentile {1000 * slow:.1f} ms",
        )
    bench.say("99th percentile during ÷ before", f"{percentiles(during)[1] / percentiles(before)[1]:.2f}")
    wrong = Reads(failed=seen.failed, empty=seen.empty, mixed=seen.mixed)
    bench.say(
        f"failed, empty, mixed reads of {len(seen.took):,}", f"{wrong.failed}, {wrong.empty}, {wrong.mixed}"
    )


def measure(engine: Engine, options: argparse.Namespace) -> list[tuple[str, str]]:
    """Run all cases and return them as (what, result)."""
    bench = Bench(engine, options.share)
    build(bench, options.rows)
    publications(bench, options.rows)
    small = [f"mart_{number}" for number in range(options.marts - 2)]
    bench.run(PROFILE, "alter table candidate.place_profile add primary key (observation_key)")
    for mart in small:
        bench.run(
            SMALL.format(mart=mart, rows=SMALL_ROWS),
            f"alter table candidate.{mart} add primary key (row_key)",
        )
    bench.publish()
    bench.tidy("candidate.place_profile", "published.place_profile", "published.observation")
    places = min(838, max(2, options.rows // 6500))
    known = {
        "marts": small,
        "series": [f"NP_SERIES_{n}" for n in range(5, 6000, 60)],
        "places": [f"NP-2017:local_unit:{10000 + n}" for n in range(1, places, max(1, places // 40))],
    }
    reads(bench, known)
    for pause in options.pauses:
        bench.flips.clear()
        under_readers(bench, known, options.marts, pause)
    return bench.lines


def about(engine: Engine) -> str:
    """Describe the machine, the server and how busy they are."""
    wanted = ("server_version", "shared_buffers", "fsync", "wal_compression", "archive_mode")
    with engine.connect() as connection:
        said = [f"{name} {connection.exec_driver_sql(f'show {name}').scalar_one()}" for name in wanted]
    return (
        f"{machine.describe()}; PostgreSQL: {', '.join(said)}; load of the machine at the start "
        f"{os.getloadavg()[0]:.1f}; {datetime.now(UTC):%Y-%m-%d}"
    )


@contextlib.contextmanager
def a_server(url: str | None) -> Iterator[str]:
    """Give the URL of a server: ``url``, or one of our own with Statloom's settings, without archive."""
    if url:
        yield url
        return
    folder = Path(tempfile.mkdtemp(prefix="statloom-publication-"))
    folder.chmod(0o711)
    os.environ.pop("STATLOOM_DATABASE_URL", None)
    os.environ["STATLOOM_HOME"] = str(folder / "home")
    from statloom import settings
    from statloom.warehouse import passwords, server

    here = settings.load()
    try:
        with server.running(here, options={"archive_mode": "off", "archive_command": ""}) as running:
            password = passwords.load(here)[server.ADMINISTRATOR]
            yield (f"postgresql://{server.ADMINISTRATOR}:{password}@{running.host}:{running.port}/postgres")
    finally:
        server.remove(here)
        shutil.rmtree(folder, ignore_errors=True)


def keep(rows: int, report: str) -> None:
    """Put the report into the results, in place of the one of as many rows."""
    heading = f"## {rows:,} rows\n"
    old = RESULTS.read_text() if RESULTS.exists() else ""
    sections = {
        section.split(" rows\n")[0]: f"## {section.strip()}\n"
        for section in re.split(r"^## ", old, flags=re.MULTILINE)[1:]
    }
    sections[f"{rows:,}"] = heading + report
    in_order = sorted(sections.items(), key=lambda section: int(section[0].replace(",", "")))
    RESULTS.write_text(f"# Publication\n{NOTE}\n" + "\n".join(section for _, section in in_order))


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--marts", type=int, default=30)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument(
        "--pauses", type=float, nargs="+", default=[0.1, 0.0], help="mean seconds between a reader's reads"
    )
    parser.add_argument("--url", help="a superuser's address of a PostgreSQL server")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    # Stopped by whoever started it, it still clears away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with a_server(options.url) as url:
        address = make_url(url).set(drivername="postgresql+psycopg")
        with create_engine(address, isolation_level="AUTOCOMMIT").connect() as administrator:
            administrator.exec_driver_sql(f"drop database if exists {DATABASE} with (force)")
            administrator.exec_driver_sql(f"create database {DATABASE}")
            engine = create_engine(address.set(database=DATABASE))
            try:
                with engine.begin() as connection:
                    connection.exec_driver_sql(SCHEMA.read_text())
                described = about(engine)
                cases = measure(engine, options)
            finally:
                engine.dispose()
                administrator.exec_driver_sql(f"drop database if exists {DATABASE} with (force)")
    lines = ["", described, "", "| what | result |", "| --- | --- |"]
    report = "\n".join(lines + [f"| {what} | {result} |" for what, result in cases]) + "\n"
    print(report)
    if options.write:
        keep(options.rows, report)


if __name__ == "__main__":
    main()
