"""Results of expectations as rows: what was checked, what was found, examples, and a message for a person."""

import json
import re
from dataclasses import dataclass

from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.expectations.registry import get_expectation_impl
from sqlalchemy import Connection, text

from statloom.errors import GateError
from statloom.quality.bindings import Bindings
from statloom.quality.expectations.base import OwnExpectation
from statloom.quality.expectations.metrics import EXAMPLES
from statloom.quality.suites import Check, Suite

_LONGEST_VALUE = 200


@dataclass(frozen=True)
class Result:
    """One judged expectation."""

    suite: str
    table: str
    check: Check
    passed: bool
    rows_checked: int | None
    rows_unexpected: int | None
    observed: str | None
    examples: list
    message: str | None
    broken: bool  # it could not be judged: an error whatever its severity

    @property
    def finding(self) -> str:
        """What was found in words and counts, without a value of a row: it may stand in a mart."""
        if self.broken:
            return "could not be judged"
        if self.observed and issubclass(get_expectation_impl(self.check.type), OwnExpectation):
            return self.observed
        if self.rows_unexpected is not None and self.rows_checked:
            return f"{self.rows_unexpected} of {self.rows_checked} rows unexpected"
        return "not met"

    @property
    def fails_gate(self) -> bool:
        """True when the gate cannot pass with this result."""
        return not self.passed and (self.broken or self.check.severity == "fail")

    @property
    def warns(self) -> bool:
        """True when it was not met and the gate can pass all the same."""
        return not self.passed and not self.fails_gate


def collect(suite: Suite, bindings: Bindings, validation: ExpectationSuiteValidationResult) -> list[Result]:
    """Return a result for each check of ``suite``, in its order.

    What a hidden column holds is removed from ``validation`` too. Raises GateError when the number of
    results is not that of the checks, or a check was judged twice.
    """
    by_position: dict[int, ExpectationValidationResult] = {}
    for result in validation.results:
        position = (result.expectation_config.meta or {}).get("position")
        by_position[position] = result
    expected = set(range(1, len(suite.checks) + 1))
    if len(validation.results) != len(suite.checks) or set(by_position) != expected:
        missing = ", ".join(suite.checks[p - 1].where for p in sorted(expected - set(by_position)))
        raise GateError(
            f"suite {suite.name}: {len(suite.checks)} expectations, {len(validation.results)} results;"
            f" not judged: {missing or 'none'}"
        )
    return [
        _result(suite, check, by_position[position], bindings)
        for position, check in enumerate(suite.checks, start=1)
    ]


def write(connection: Connection, gate_run_id: int, results: list[Result]) -> None:
    """Write results to ``quality.expectation_result``, numbered from 1."""
    connection.execute(
        text(
            "insert into quality.expectation_result (gate_run_id, position, suite, table_name,"
            " expectation_type,"
            " column_name, dimension, severity, owner, description, passed, rows_checked,"
            " rows_unexpected, observed,"
            " examples, message) values (:gate_run_id, :position, :suite, :table_name, :expectation_type,"
            " :column_name, :dimension, :severity, :owner, :description, :passed, :rows_checked,"
            " :rows_unexpected,"
            " :observed, cast(:examples as jsonb), :message)"
        ),
        [
            {
                "gate_run_id": gate_run_id,
                "position": position,
                "suite": result.suite,
                "table_name": result.table,
                "expectation_type": result.check.type,
                "column_name": result.check.column,
                "dimension": result.check.dimension,
                "severity": result.check.severity,
                "owner": result.check.owner,
                "description": result.check.description,
                "passed": result.passed,
                "rows_checked": result.rows_checked,
                "rows_unexpected": result.rows_unexpected,
                "observed": result.observed,
                "examples": json.dumps(result.examples, ensure_ascii=False, default=str),
                "message": result.message,
            }
            for position, result in enumerate(results, start=1)
        ],
    )


def _result(suite: Suite, check: Check, result: ExpectationValidationResult, bindings: Bindings) -> Result:
    table = bindings.table_name
    passed = bool(result.success)
    exception = _exception(result)
    if exception:
        # On the page too, the reason without the statement and the calls that led to it.
        result.exception_info = {
            "raised_exception": True,
            "exception_message": exception,
            "exception_traceback": "",
        }
    if _mentions_hidden(check, bindings):
        _withhold(result)
    result.result = _without(result.result or {}, bindings.hidden_columns)
    content = result.result or {}
    checked, unexpected = content.get("element_count"), content.get("unexpected_count")
    if passed and unexpected is None:
        unexpected = 0
    examples = [] if passed and not unexpected else _examples(content, check)
    observed = content.get("observed_value")
    observed = None if observed is None else _short(observed)
    message = None
    if exception:
        message = f"{table}: could not be judged: {exception}"
    elif not passed:
        message = _message(table, check, checked, unexpected, observed, examples)
    return Result(
        suite.name, table, check, passed, checked, unexpected, observed, examples, message, bool(exception)
    )


def _message(table, check, checked, unexpected, observed, examples) -> str:
    """Return table, description, counts and examples as one line."""
    if observed:
        found = observed
    elif unexpected is not None and checked:
        found = f"{unexpected} of {checked} rows unexpected"
    else:
        found = "not met"
    text_ = f"{table}: {check.description}: {found}"
    if examples:
        text_ += "; for example " + "; ".join(_words(example) for example in examples[:3])
    return text_


def _words(example) -> str:
    if isinstance(example, dict):
        return ", ".join(
            f"{key}={_short(value)}" for key, value in example.items() if value not in (None, "_T")
        )
    return _short(example)


def _examples(content: dict, check: Check) -> list:
    listed = content.get("partial_unexpected_index_list") or content.get("partial_unexpected_list")
    if not listed and isinstance(content.get("details"), dict):
        listed = content["details"].get("unexpected_rows")
    examples = []
    for example in (listed or [])[:EXAMPLES]:
        if not isinstance(example, dict) and check.column:
            example = {check.column: example}
        examples.append(example)
    return examples


def _mentions_hidden(check: Check, bindings: Bindings) -> bool:
    said = json.dumps(check.kwargs, ensure_ascii=False, default=str)
    return any(re.search(rf"\b{re.escape(column)}\b", said) for column in bindings.hidden_columns)


def _withhold(result: ExpectationValidationResult) -> None:
    """Leave of a result on a hidden column nothing but its counts."""
    kept = ("element_count", "unexpected_count", "unexpected_percent")
    result.result = {key: value for key, value in (result.result or {}).items() if key in kept}


def _without(content, hidden: frozenset[str]):
    """Return a result's content without hidden columns, however deep they stand in it."""
    if isinstance(content, dict):
        return {key: _without(value, hidden) for key, value in content.items() if key not in hidden}
    if isinstance(content, list | tuple):
        return [_without(value, hidden) for value in content]
    return content


def _exception(result: ExpectationValidationResult) -> str | None:
    info = result.exception_info or {}
    if "raised_exception" in info:
        info = {"": info}
    for each in info.values():
        if isinstance(each, dict) and each.get("raised_exception"):
            return _plain_reason(str(each.get("exception_message")))
    return None


def _plain_reason(message: str) -> str:
    """Return the database's own words from an exception's text, without the statement that was run."""
    message = re.sub(r"\s*\(Background on this error.*", "", message, flags=re.DOTALL)
    message = message.split("[SQL:")[0]
    message = re.sub(r"\(psycopg\.errors\.\w+\)\s*", "", message)
    lines = [line.strip() for line in message.splitlines() if line.strip() and not set(line.strip()) <= {"^"}]
    return _short(" ".join(lines[:2])) if lines else "unknown reason"


def _short(value) -> str:
    shown = str(value)
    return shown if len(shown) <= _LONGEST_VALUE else shown[: _LONGEST_VALUE - 1] + "…"
