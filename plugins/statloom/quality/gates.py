"""The gates: what does not pass goes no further.

A gate judges the rows of a delivery (`raw`), the candidate marts (`marts`) or what would be released
(`release`), inside PostgreSQL. Its results stay in ``quality.gate_run`` and ``quality.expectation_result``.
"""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import psycopg
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.expectations import UnexpectedRowsExpectation
from great_expectations.expectations.expectation import ColumnMapExpectation
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from statloom import contracts
from statloom.errors import GateError
from statloom.quality import context, contract_suite, delivery, pages, parts, profile, results, sql, suites
from statloom.quality.bindings import Bindings, bound
from statloom.quality.expectations.base import OwnExpectation
from statloom.quality.expectations.metrics import EXAMPLES
from statloom.quality.results import Result
from statloom.quality.suites import Suite

GATES = ("raw", "marts", "release")
# More parts of the candidate marts are no slips of single sources: publication is blocked.
MOST_OF_MARTS = 0.5
SCHEMAS = {"marts": "candidate", "release": "release"}
# What counts every row of its table, unless it has a filter.
_COUNTING = ("expect_keys_to_be_unique", "expect_rows_to_satisfy", "expect_part_not_greater_than_whole")


@dataclass(frozen=True)
class HeldBack:
    """A part, source × series × period, that does not meet one expectation.

    ``reason``: what was found, without values of rows; ``rows``, ``places``: at fault in the part.
    """

    source_id: str
    series_code: str
    period: str
    rows: int
    places: int | None
    expectation_type: str
    expectation: str
    dimension: str
    reason: str
    owner: str | None


@dataclass(frozen=True)
class GateResult:
    """What a gate found. ``failed``, ``warned``: numbers of expectations not met; ``message``: for a
    person.

    ``held_back``: the parts that do not meet an expectation, when the gate did not pass for these alone and
    the rest may go on. ``whole``: why what was judged fails as a whole; empty when it passed, or
    ``held_back`` is all. ``failures``: every unmet expectation, as it stands in ``held_back`` but for the
    part.
    """

    passed: bool
    failed: int
    warned: int
    gate_run_id: int
    message: str
    held_back: tuple[HeldBack, ...] = ()
    whole: tuple[str, ...] = ()
    failures: tuple[dict, ...] = ()


def judge(
    gate: str,
    subject: str,
    *,
    engine: Engine,
    delivery_id: int | None = None,
    run_id: str | None = None,
) -> GateResult:
    """Judge ``subject`` at ``gate`` and write down what was found.

    ``raw``: ``subject`` is a source, ``delivery_id`` its delivery. ``marts``, ``release``: all suites of
    that gate. The gate passes when every expectation of severity `fail` is met and no table has more warnings
    than its budget. Raises GateError when there is nothing to judge by, or a suite is not valid: nothing is
    judged then.
    """
    if gate not in GATES:
        raise GateError(f"there is no gate {gate!r}; the gates are {', '.join(GATES)}")
    started_at = datetime.now(UTC)
    subjects = _raw_subjects(subject, delivery_id, engine) if gate == "raw" else _tables(gate)
    if not subjects:
        raise GateError(f"gate {gate}: no suites are declared, so nothing would be judged")
    found, over_budget, validations, local = [], [], {}, _Local()
    with context.datasource(engine) as datasource:
        for each in subjects:
            validation, faults = _validate(datasource, each)
            judged = results.collect(each.suite, each.bindings, validation)
            found += judged
            local.add(judged, faults)
            validations[each.bindings.table_name] = validation
            warnings = sum(r.warns for r in judged)
            if warnings > each.suite.warning_budget:
                over_budget.append(
                    f"{each.bindings.table_name}: {warnings} warnings,"
                    f" and the budget is {each.suite.warning_budget}"
                )
    failed, warned = sum(r.fails_gate for r in found), sum(r.warns for r in found)
    passed = not failed and not over_budget
    whole = [*over_budget, *local.whole]
    if not whole and local.parts:
        whole = _too_many(engine, subjects, local.parts)
    held_back = () if whole else tuple(local.parts)
    gate_run_id = _write(
        engine,
        {
            "gate": gate,
            "subject": subject,
            "delivery_id": delivery_id,
            "run_id": run_id,
            "started_at": started_at,
            "passed": passed,
            "expectations": len(found),
            "failed": failed,
            "warned": warned,
            "suites_sha256": suites.digest(gate, subject),
            "parts_held_back": len({(p.source_id, p.series_code, p.period) for p in held_back}),
        },
        found,
    )
    pages.write(engine, gate_run_id, f"{gate} gate: {subject}", validations)
    message = _message(gate, subject, found, over_budget)
    return GateResult(
        passed, failed, warned, gate_run_id, message, held_back, tuple(whole), tuple(local.failures)
    )


@dataclass(frozen=True)
class _Subject:
    """One suite, and ``table``: what it judges, of the judging connection, where ``prepare`` makes it.

    ``feeding``: how its rows lead to parts, None when they do not; ``count_parts``: how many there are in all
    that the gate judges, of which at most the share ``most_held_back`` may be held back.
    """

    suite: Suite
    bindings: Bindings
    table: str
    prepare: Callable[[Connection], None]
    feeding: Callable[[Connection], parts.Feeding] | None = None
    count_parts: Callable[[Engine], int] = lambda engine: 0
    most_held_back: float = 1.0


class _Local:
    """Failures of parts, and failures of the whole."""

    def __init__(self) -> None:
        self.parts: list[HeldBack] = []
        self.whole: list[str] = []
        self.failures: list[dict] = []

    def add(self, judged: list[Result], faults: dict[int, list[parts.Part]]) -> None:
        """Take in the results of a suite; ``faults``: by position, the parts that an unmet check is about."""
        for position, result in enumerate(judged, start=1):
            if not result.fails_gate:
                continue
            about = {
                "expectation_type": result.check.type,
                "expectation": result.check.description,
                "dimension": result.check.dimension,
                "reason": result.finding,
                "owner": result.check.owner,
            }
            self.failures.append(about)
            found = [] if result.broken else faults.get(position, [])
            if not found:
                self.whole.append(result.message or result.check.description)
            self.parts += [HeldBack(**vars(part), **about) for part in found]


def _too_many(engine: Engine, subjects: list[_Subject], held_back: list[HeldBack]) -> list[str]:
    """Say why so many parts fail that it is the whole that fails; empty when the rest may go on."""
    failing = {(part.source_id, part.series_code, part.period) for part in held_back}
    most, there = subjects[-1].most_held_back, subjects[-1].count_parts(engine)
    if len(failing) >= there or len(failing) > most * there:
        return [f"{len(failing)} of {there} parts (series and period) fail, at most {most:.0%} may"]
    return []


def _raw_subjects(source: str, delivery_id: int | None, engine: Engine) -> list[_Subject]:
    if delivery_id is None:
        raise GateError(f"gate raw: {source}: a delivery must be named")
    contract = contracts.load(source)
    subjects = [_raw(contract, delivery_id, engine)]
    if contract.microdata:
        subjects.insert(0, _profile(contract, delivery_id))
    return subjects


def _profile(contract: contracts.Contract, delivery_id: int) -> _Subject:
    """Return the profile of a delivery of microdata, of which the raw table has figures alone."""
    declared = next(iter(suites.find("raw", f"{contract.source}.profile")), None)
    suite = profile.extended(contract, declared)
    bindings = Bindings(
        batch=profile.PROFILE,
        table=sql.literal(profile.PROFILE),
        table_name=f"profile of {contract.source}",
        delivery_id=delivery_id,
        example_columns=suite.example_columns,
        key_columns=suite.example_columns,
    )
    return _Subject(suite, bindings, profile.PROFILE, partial(profile.prepare, delivery_id=delivery_id))


def _raw(contract: contracts.Contract, delivery_id: int, engine: Engine) -> _Subject:
    source = contract.source
    suite = contract_suite.extended(contract, next(iter(suites.find("raw", source)), None))
    with engine.connect() as connection:
        previous = connection.scalar(
            text(
                "select max(delivery_id) from landing.delivery"
                " where source_id = :source and status = 'accepted' and delivery_id < :delivery_id"
            ),
            {"source": source, "delivery_id": delivery_id},
        )
    bindings = Bindings(
        batch=delivery.BATCH,
        placed=delivery.BATCH,
        place=delivery.PLACES,
        previous=delivery.PREVIOUS,
        table=sql.literal(sql.name("raw", source)),
        table_name=f"raw.{source}",
        delivery_id=delivery_id,
        example_columns=suite.example_columns,
        key_columns=("_row_number", *contract.raw_key),
        hidden_columns=frozenset(n for n, c in contract.columns.items() if c.role == "personal_identifier"),
    )
    prepare = partial(delivery.prepare, contract=contract, delivery_id=delivery_id, previous_id=previous)
    return _Subject(
        suite,
        bindings,
        delivery.BATCH,
        prepare,
        feeding=lambda connection: parts.OfDelivery(contract),
        count_parts=lambda engine: len(parts.delivered(engine, contract, delivery_id)),
        most_held_back=suite.most_held_back,
    )


def _tables(gate: str) -> list[_Subject]:
    subjects = []
    for suite in suites.find(gate, gate):
        # A table of another schema is named with it.
        schema, _, name = suite.table.rpartition(".")
        schema = schema or SCHEMAS[gate]
        table = sql.name(schema, name)
        bindings = Bindings(
            batch=table,
            placed="(select *, place_id as _place_id, place_level as _place_level,"
            f" place_name as _place_name from {table})",
            place="places.place",
            table=sql.literal(table),
            table_name=f"{schema}.{name}",
            example_columns=suite.example_columns,
            key_columns=suite.example_columns,
        )
        view = f"judged_{schema}_{name}"
        prepare = partial(_view, name=view, table=table)
        subjects.append(
            _Subject(
                suite,
                bindings,
                view,
                prepare,
                feeding=partial(_of_mart, table=table) if gate == "marts" else None,
                count_parts=_candidate_parts,
                most_held_back=MOST_OF_MARTS,
            )
        )
    return subjects


def _of_mart(connection: Connection, table: str) -> parts.OfMart:
    columns = connection.execute(
        text("select attname from pg_attribute where attrelid = to_regclass(:table) and attnum > 0"),
        {"table": table},
    )
    return parts.OfMart(table, frozenset(columns.scalars()))


def _candidate_parts(engine: Engine) -> int:
    """Return how many parts the candidate marts have, those that are held back already included."""
    with engine.connect() as connection:
        if connection.scalar(text("select to_regclass('candidate.observation')")) is None:
            return 0
        return connection.scalar(
            text(
                "select count(*) from (select distinct source_id, series_code, period"
                " from candidate.observation) as part"
            )
        )


def _view(connection: Connection, name: str, table: str) -> None:
    connection.exec_driver_sql(f"create temporary view {sql.name(name)} as select * from {table}")


def _validate(
    datasource, subject: _Subject
) -> tuple[ExpectationSuiteValidationResult, dict[int, list[parts.Part]]]:
    """Return the results of a suite, and by position the parts that an unmet expectation is about.

    First everything with as little work as possible: Great Expectations' own only say yes or no. Of these,
    the few that were not met are then asked for counts and examples.
    """
    built = suites.build(subject.suite)
    bindings = subject.bindings
    with bound(bindings):
        try:
            with datasource.get_execution_engine().engine.begin() as connection:
                subject.prepare(connection)
        except (SQLAlchemyError, psycopg.Error) as error:
            reason = str(getattr(error, "orig", error)).splitlines()[0]
            raise GateError(f"{bindings.table_name} cannot be judged: {reason}") from error
        asset = datasource.add_table_asset(subject.suite.name, table_name=subject.table)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        validation = batch.validate(built, result_format="BOOLEAN_ONLY")
        for index, result in enumerate(validation.results):
            expectation = built.expectations[result.expectation_config.meta["position"] - 1]
            # One broken expectation breaks all that were bundled with it: each is asked again, alone.
            if _broken(result) or (not result.success and not isinstance(expectation, OwnExpectation)):
                detailed = _detailed(expectation, bindings)
                validation.results[index] = batch.validate(expectation, result_format=detailed)
        faults = _parts_at_fault(datasource, batch, subject, built, validation)
    _add_row_counts(validation)
    return validation, faults


def _parts_at_fault(datasource, batch, subject: _Subject, built, validation) -> dict[int, list[parts.Part]]:
    """Return by position the parts that each unmet expectation of severity `fail` is about."""

    unmet = {}
    if subject.feeding is None or all(result.success for result in validation.results):
        return unmet
    warehouse = datasource.get_execution_engine().engine
    with warehouse.begin() as connection:
        feeding = subject.feeding(connection)
    asked = {
        "result_format": "BASIC",
        "partial_unexpected_count": 1,
        "unexpected_index_column_names": feeding.told_by,
        "return_unexpected_index_query": True,
    }
    for result in validation.results:
        position = result.expectation_config.meta["position"]
        check, expectation = subject.suite.checks[position - 1], built.expectations[position - 1]
        if result.success or check.severity != "fail" or _broken(result) or feeding.is_of_whole(check):
            continue
        query = None
        if isinstance(expectation, parts.OF_ROWS):
            query = batch.validate(expectation, result_format=asked).result.get("unexpected_index_query")
        unmet[position] = parts.Unmet(check, expectation, query)
    with warehouse.begin() as connection:
        return parts.at_fault(connection, unmet, feeding=feeding, bindings=subject.bindings)


def _add_row_counts(validation: ExpectationSuiteValidationResult) -> None:
    """Say of Great Expectations' own that were met how many rows they looked at, where another tells it."""
    counts = (
        result.result.get("element_count")
        for result in validation.results
        if result.expectation_config.type in _COUNTING and not result.expectation_config.kwargs.get("where")
    )
    rows = next((count for count in counts if count), None)
    if rows is None:
        return
    for result in validation.results:
        if not result.success or result.result:
            continue
        expectation = result.expectation_config.to_domain_obj()
        if isinstance(expectation, ColumnMapExpectation) and expectation.mostly == 1:
            result.result = {"element_count": rows, "unexpected_count": 0, "unexpected_percent": 0.0}


def _broken(result: ExpectationValidationResult) -> bool:
    info = result.exception_info or {}
    return any(part.get("raised_exception") for part in [info, *info.values()] if isinstance(part, dict))


def _detailed(expectation, bindings: Bindings) -> dict:
    """Return the result format that gives counts and a few examples, with the columns that say which rows."""
    if isinstance(expectation, UnexpectedRowsExpectation):
        return {"result_format": "COMPLETE"}
    detailed = {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES}
    if bindings.key_columns:
        detailed["unexpected_index_column_names"] = list(bindings.key_columns)
    return detailed


def _write(engine: Engine, run: dict, found: list[Result]) -> int:
    with engine.begin() as connection:
        gate_run_id = connection.scalar(
            text(
                "insert into quality.gate_run (gate, subject, delivery_id, run_id, started_at,"
                " finished_at, passed,"
                " expectations, failed, warned, parts_held_back, suites_sha256) values (:gate, :subject,"
                " :delivery_id,"
                " :run_id, :started_at, :finished_at, :passed, :expectations, :failed, :warned,"
                " :parts_held_back, :suites_sha256) returning gate_run_id"
            ),
            {**run, "finished_at": datetime.now(UTC)},
        )
        results.write(connection, gate_run_id, found)
    return gate_run_id


def _message(gate: str, subject: str, found: list[Result], over_budget: list[str]) -> str:
    """Return what was found, a line for each expectation not met: failures first."""
    failures = [r.message for r in found if r.fails_gate]
    warnings = [r.message for r in found if not r.passed and not r.fails_gate]
    head = (
        f"gate {gate}: {subject}: {len(found)} expectations, {len(failures)} failed, {len(warnings)} warned"
    )
    lines = [f"failed: {line}" for line in failures]
    lines += [f"failed: {line}" for line in over_budget]
    lines += [f"warned: {line}" for line in warnings]
    return "\n  ".join([head, *lines])
