"""What the gates cost: the suites as Great Expectations runs them, against the same checks as plain SQL.

Plain SQL is written as a person would for speed: all checks of single rows of a table in one statement, one
statement for every other check, no examples, no pages, nothing written down. Both run on one connection with
the same settings, and both must find the same numbers of unexpected rows.

    .venv/bin/python -m benchmarks.gates [--url postgresql://... of a warehouse with marts] [--runs 3]
"""

import argparse
import os
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path

import psycopg
from sqlalchemy import Engine, create_engine, text

from benchmarks.machine import describe

RESULTS = Path(__file__).parent / "results" / "gates.md"
RAW_SUITES = 9  # of the largest sources, so that there are 20 suites with those of the marts


def build(home: Path) -> str:
    """Build the demo's marts from the sources that come as files, in a server of its own; return its URL."""
    os.environ["STATLOOM_HOME"] = str(home)
    from statloom import contracts, landing, settings
    from statloom.warehouse import connection, setup, transform

    here = settings.load()
    setup.prepare(here)
    engine = connection.engine()
    contracts.register(engine)
    for contract in contracts.load_all().values():
        if contract.connector.type == "file":
            fetched = landing.fetch(contract, archive=here.archive, engine=engine, run_id="benchmark")
            landing.load(contract, fetched.delivery_id, engine=engine, archive=here.archive)
            landing.accept(engine, fetched.delivery_id)
    for stage in transform.STAGES:
        transform.run_stage(stage)
    return connection.url().render_as_string(hide_password=False)


def deliveries(engine: Engine) -> dict[str, int]:
    """Return source → delivery of the sources with most rows."""
    with engine.connect() as connection:
        return dict(
            connection.execute(
                text(
                    "select source_id, max(delivery_id) from landing.delivery where rows_loaded is not null"
                    " group by source_id order by max(rows_loaded) desc limit :number"
                ),
                {"number": RAW_SUITES},
            )
            .tuples()
            .all()
        )


class Plain:
    """One suite as plain SQL."""

    def __init__(self, subject) -> None:
        from statloom.quality import suites
        from statloom.quality.bindings import bound
        from statloom.quality.expectations.base import RelationExpectation, RowExpectation

        self.subject, self.conditions, self.relations = subject, {}, {}
        with bound(subject.bindings):
            for position, expectation in enumerate(suites.build(subject.suite).expectations, start=1):
                if isinstance(expectation, RelationExpectation):
                    counts = f"{expectation.checked}, {expectation.unexpected}"
                    statement = f"select {counts} from ({expectation.relation()}) as relation"
                    self.relations[position] = subject.bindings.bind(statement)
                elif isinstance(expectation, RowExpectation):
                    where = f" and ({expectation.where})" if expectation.where else ""
                    self.conditions[position] = f"count(*) filter (where {expectation.violation()}{where})"
                else:
                    self.conditions[position] = aggregate(expectation)

    def run(self, connection) -> dict[int, int | None]:
        """Return position → number of unexpected rows, None where plain SQL counts something else."""
        found = {}
        if self.conditions:
            statement = f"select {', '.join(self.conditions.values())} from {self.subject.table}"
            row = connection.exec_driver_sql(statement.replace("%", "%%")).one()
            found = dict(zip(self.conditions, row, strict=True))
        for position, statement in self.relations.items():
            found[position] = connection.exec_driver_sql(statement.replace("%", "%%")).one()[1] or 0
        return found


def aggregate(expectation) -> str:
    """Return one of Great Expectations' own expectations as an aggregate."""
    from statloom.quality.sql import literal, literals, name

    column = name(expectation.column) if hasattr(expectation, "column") else ""
    match expectation.expectation_type:
        case "expect_column_values_to_not_be_null":
            return f"count(*) filter (where {column} is null)"
        case "expect_column_values_to_be_between":
            limits = [(expectation.min_value, "<"), (expectation.max_value, ">")]
            outside = " or ".join(
                f"{column} {sign} {literal(limit)}" for limit, sign in limits if limit is not None
            )
            return f"count(*) filter (where {outside})"
        case "expect_column_values_to_be_in_set":
            return f"count(*) filter (where {column} not in ({literals(expectation.value_set)}))"
        case "expect_column_values_to_match_regex":
            return f"count(*) filter (where {column} !~ {literal(expectation.regex)})"
        case (
            "expect_column_distinct_values_to_contain_set" | "expect_column_unique_value_count_to_be_between"
        ):
            return f"count(distinct {column})"
        case "expect_column_sum_to_be_between":
            return f"sum({column})"
        case "expect_table_row_count_to_be_between":
            return "count(*)"
    raise NotImplementedError(expectation.expectation_type)


def comparable(check) -> bool:
    """Whether plain SQL counts unexpected rows for this check, and not something else."""
    return not check.type.startswith(
        ("expect_column_distinct", "expect_column_unique", "expect_column_sum", "expect_table")
    )


def measure(engine: Engine) -> tuple[dict, dict]:
    """Return seconds and CPU seconds of both, and what the gates found."""
    from statloom.quality import context, gates

    sources = deliveries(engine)
    started, cpu = time.perf_counter(), time.process_time()
    runs = [gates.judge("marts", "marts", engine=engine)]
    runs += [gates.judge("raw", s, engine=engine, delivery_id=d) for s, d in sources.items()]
    gate = time.perf_counter() - started, time.process_time() - cpu

    started, cpu = time.perf_counter(), time.process_time()
    subjects = gates._tables("marts") + [gates._raw(s, d, engine) for s, d in sources.items()]
    plain = []
    for group in [subjects[: -len(sources)], *([subject] for subject in subjects[-len(sources) :])]:
        connection = psycopg.connect(
            engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
            options=context.SESSION,
        )
        with (
            connection,
            create_engine("postgresql+psycopg://", creator=lambda c=connection: c).begin() as alchemy,
        ):
            for subject in group:
                subject.prepare(alchemy)
                plain.append(Plain(subject).run(alchemy))
    sql = time.perf_counter() - started, time.process_time() - cpu

    with engine.connect() as connection:
        found = connection.execute(
            text("select rows_unexpected, suite, position from quality.expectation_result"
                 " where gate_run_id = any(:ids) order by gate_run_id, position"),
            {"ids": [run.gate_run_id for run in runs]},
        ).all()  # fmt: skip
    by_gate = [row.rows_unexpected for row in found]
    checks = [check for subject in subjects for check in subject.suite.checks]
    by_sql = [numbers[position] for numbers in plain for position in sorted(numbers)]
    assert len(by_gate) == len(by_sql) == len(checks)
    differing = [
        (check.where, gate_found, sql_found)
        for check, gate_found, sql_found in zip(checks, by_gate, by_sql, strict=True)
        if comparable(check) and gate_found != sql_found
    ]
    assert not differing, differing
    times = {"gate": gate, "sql": sql, "pages": pages_of(engine, subjects[-1])}
    last = len(subjects[-1].suite.checks)
    return times, {"suites": len(subjects), "expectations": len(checks), "last": last}


def pages_of(engine: Engine, subject) -> tuple[float, float]:
    """Return seconds and CPU seconds of rendering 1,000 validation results of one suite, a page each."""
    from statloom.quality import context, gates, pages

    with context.datasource(engine) as datasource:
        validation = gates._validate(datasource, subject)
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(1000):
        pages.render("benchmark", {subject.bindings.table_name: validation})
    return time.perf_counter() - started, time.process_time() - cpu


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--url", help="a warehouse with candidate marts; without it one is built from the demo"
    )
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="statloom-gates-"))
    folder.chmod(0o711)
    os.environ["STATLOOM_HOME"] = str(folder / "home")
    try:
        url = arguments.url or build(folder / "home")
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        measured = [measure(engine) for _ in range(arguments.runs)]
    finally:
        if not arguments.url:
            from statloom import settings
            from statloom.warehouse import server

            server.stop(settings.load())
        shutil.rmtree(folder, ignore_errors=True)
    write([times for times, _ in measured], measured[0][1], engine)


def write(times: list[dict], counted: dict, engine: Engine) -> None:
    """Write the fastest of all runs to the results."""
    gate, plain, pages = (min(each[kind] for each in times) for kind in ("gate", "sql", "pages"))
    lines = [
        "# Gates",
        "",
        f"{counted['suites']} suites with {counted['expectations']} expectations on the demo's marts and its"
        f" {RAW_SUITES} largest deliveries.",
        f"Measured {date.today()} on {describe()}.",
        f"Fastest of {len(times)} runs, each with both, one after the other; both found the same numbers of",
        "unexpected rows.",
        "",
        "| | seconds | CPU seconds of the process | what |",
        "| --- | ---: | ---: | --- |",
        f"| gates | {gate[0]:.2f} | {gate[1]:.2f} | counts, examples, rows in `quality`, pages |",
        f"| plain SQL | {plain[0]:.2f} | {plain[1]:.2f} | counts |",
        "",
        f"Ratio {gate[0] / plain[0]:.2f}; aim: at most 3. A gate costs {gate[1] / (RAW_SUITES + 1):.2f} CPU",
        "seconds on average; aim: 0.7 for a raw one.",
        "",
        f"1,000 validation results of {counted['last']} expectations each render, a page each, in"
        f" {pages[0]:.1f} s ({pages[1]:.1f} CPU",
        "seconds); aim: 30 s.",
        "",
    ]
    print("\n".join(lines))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
