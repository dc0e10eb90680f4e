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
from statloom.quality import context, contract_suite, delivery, pages, profile, results, sql, suites
from statloom.quality.bindings import Bindings, bound
from statloom.quality.expectations.base import OwnExpectation
from statloom.quality.expectations.metrics import EXAMPLES
from statloom.quality.results import Result
from statloom.quality.suites import Suite

GATES = ("raw", "marts", "release")
SCHEMAS = {"marts": "candidate", "release": "release"}
# What counts every row of its table, unless it has a filter.
_COUNTING = ("expect_keys_to_be_unique", "expect_rows_to_satisfy", "expect_part_not_greater_than_whole")


@dataclass(frozen=True)
class GateResult:
    """What a gate found. ``failed``, ``warned``: numbers of expectations not met; ``message``: for a
    person."""

    passed: bool
    failed: int
    warned: int
    gate_run_id: int
    message: str


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
    found, over_budget, validations = [], [], {}
    with context.datasource(engine) as datasource:
        for each in subjects:
            validation = _validate(datasource, each)
            judged = results.collect(each.suite, each.bindings, validation)
            found += judged
            validations[each.bindings.table_name] = validation
            warnings = sum(r.warns for r in judged)
            if warnings > each.suite.warning_budget:
                over_budget.append(
                    f"{each.bindings.table_name}: {warnings} warnings,"
                    f" and the budget is {each.suite.warning_budget}"
                )
    failed, warned = sum(r.fails_gate for r in found), sum(r.warns for r in found)
    passed = not failed and not over_budget
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
        },
        found,
    )
    pages.write(engine, gate_run_id, f"{gate} gate: {subject}", validations)
    return GateResult(passed, failed, warned, gate_run_id, _message(gate, subject, found, over_budget))


@dataclass(frozen=True)
class _Subject:
    """One suite, and ``table``: what it judges, of the judging connection, where ``prepare`` makes it."""

    suite: Suite
    bindings: Bindings
    table: str
    prepare: Callable[[Connection], None]


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
    return _Subject(suite, bindings, delivery.BATCH, prepare)


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
        subjects.append(_Subject(suite, bindings, view, prepare))
    return subjects


def _view(connection: Connection, name: str, table: str) -> None:
    connection.exec_driver_sql(f"create temporary view {sql.name(name)} as select * from {table}")


def _validate(datasource, subject: _Subject) -> ExpectationSuiteValidationResult:
    """Return the results of a suite.

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
    _add_row_counts(validation)
    return validation


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
                " expectations, failed, warned) values (:gate, :subject, :delivery_id, :run_id, :started_at,"
                " :finished_at, :passed, :expectations, :failed, :warned) returning gate_run_id"
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
