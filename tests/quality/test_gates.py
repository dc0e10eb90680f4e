"""What a gate writes down, when it passes, and what it never shows."""

import pytest
from sqlalchemy import text

from statloom.errors import GateError
from statloom.quality import gates, results, suites

pytestmark = pytest.mark.database

POSITIVE = {"type": "expect_rows_to_satisfy", "kwargs": {"condition": "total < 500"}}


def test_contract_alone_judges_structure(office) -> None:
    clean = office.judge(office.deliver())
    assert clean.passed, clean.message
    kinds = {row["expectation_type"] for row in office.results(clean.gate_run_id)}
    assert kinds >= {
        "expect_columns_to_have_types",
        "expect_keys_to_be_unique",
        "expect_delivery_to_be_fresh",
    }
    owners = {row["owner"] for row in office.results(clean.gate_run_id)}
    assert owners == {"births@office.example"}
    for fault, named in [
        ("delete from raw.births where _delivery_id = :d", "The delivery has rows"),
        ("update raw.births set total = -1 where geo_code = '11' and kind = 'home'", "total=-1"),
        ("update raw.births set geo_code = null where geo_code = '11'", "geo_code is never empty"),
        ("update raw.births set geo_code = 'X' || geo_code where geo_level = 'district'", "geo_code=X11"),
        ("insert into raw.births select * from raw.births where _row_number = 3", "rows=2"),
        ("alter table raw.births drop column skilled", "no such column"),
    ]:
        office.execute("delete from raw.births")
        stopped = office.judge(office.deliver(fault))
        assert not stopped.passed
        assert named in stopped.message, stopped.message


def test_a_source_may_add_nothing_to_its_contract(office) -> None:
    office.suite("raw", "births", [])
    result = office.judge(office.deliver())
    assert result.passed
    assert len(office.results(result.gate_run_id)) > 5


def test_what_is_written_down(office) -> None:
    office.suite(
        "raw", "births", [POSITIVE, {**POSITIVE, "severity": "warn", "owner": "x@y", "description": "w"}]
    )
    delivery_id = office.deliver()
    result = office.judge(delivery_id)
    (run,) = office.rows("select * from quality.gate_run")
    assert (run["gate"], run["subject"], run["delivery_id"], run["run_id"]) == (
        "raw",
        "births",
        delivery_id,
        "test",
    )
    assert (
        (run["passed"], run["failed"], run["warned"])
        == (False, 1, 1)
        == (result.passed, result.failed, result.warned)
    )
    written = office.results(result.gate_run_id)
    assert run["expectations"] == len(written)
    failed, warned = [row for row in written if not row["passed"]]
    assert (failed["severity"], failed["rows_checked"], failed["rows_unexpected"]) == ("fail", 16, 1)
    assert failed["examples"][0] | {"geo_code": "NP", "total": 600} == failed["examples"][0]
    assert (warned["owner"], warned["description"]) == ("x@y", "w")
    assert result.message.splitlines()[0].startswith("gate raw: births: ")
    assert (
        "failed: raw.births: expect_rows_to_satisfy: 1 of 16 rows unexpected; for example _row_number=2"
        in result.message
    )


def test_warnings_pass_within_their_budget_and_fail_beyond_it(office) -> None:
    warnings = [
        {
            **POSITIVE,
            "severity": "warn",
            "description": f"w{n}",
            "kwargs": {"condition": f"total < {500 + n}"},
        }
        for n in range(3)
    ]
    office.suite("raw", "births", warnings, warning_budget=3)
    within = office.judge(office.deliver())
    assert (within.passed, within.failed, within.warned) == (True, 0, 3)
    office.suite("raw", "births", warnings, warning_budget=2)
    beyond = office.judge(office.deliver())
    assert (beyond.passed, beyond.failed, beyond.warned) == (False, 0, 3)
    assert "3 warnings, and the budget is 2" in beyond.message


def test_tolerated_rows_pass_and_are_counted(office) -> None:
    office.suite("raw", "births", [{**POSITIVE, "kwargs": {"condition": "total < 500", "tolerated_rows": 1}}])
    result = office.judge(office.deliver())
    assert result.passed
    row = next(r for r in office.results(result.gate_run_id) if r["description"] == POSITIVE["type"])
    assert row["rows_unexpected"] == 1
    assert row["observed"] == "1 of 16 rows unexpected, 1 tolerated"


def test_a_check_that_finds_nothing_to_check_fails(office) -> None:
    kwargs = {"value": "total", "parent_level": "country", "child_level": "distrct"}
    office.suite("raw", "births", [{"type": "expect_children_to_add_up_to_parents", "kwargs": kwargs}])
    result = office.judge(office.deliver())
    assert not result.passed
    assert "no groups to check" in result.message


def test_what_cannot_be_judged_fails_alone_even_as_a_warning(office) -> None:
    office.suite(
        "raw",
        "births",
        [
            {
                **POSITIVE,
                "kwargs": {"condition": "no_such_column > 0"},
                "severity": "warn",
                "description": "broken",
            },
            {**POSITIVE, "kwargs": {"condition": "total < 700"}, "description": "sound"},
            {
                "type": "expect_column_max_to_be_between",
                "kwargs": {"column": "total", "max_value": 600},
                "description": "max",
            },
        ],
    )
    result = office.judge(office.deliver())
    assert (result.passed, result.failed) == (False, 1)
    unmet = [r for r in office.results(result.gate_run_id) if not r["passed"]]
    assert [r["description"] for r in unmet] == ["broken"]
    assert 'column "no_such_column" does not exist' in unmet[0]["message"]


def test_a_lost_or_doubled_result_is_an_error(office) -> None:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

    suite = suites.Suite(
        "raw.births", "births", (suites.Check("expect_x", "structure", "fail", "d", "here"),)
    )
    validation = ExpectationSuiteValidationResult(success=True, results=[], suite_name="x")
    with pytest.raises(GateError, match="1 expectations, 0 results"):
        results.collect(suite, gates.Bindings(batch="x"), validation)


def test_personal_identifiers_are_never_shown(office) -> None:
    """Even when such a column has found its way into the table, and a suite asks about it."""
    office.execute("alter table raw.births add column informant text")
    secret = "Sita Gurung 9841000000"
    columns = {"column": "informant"}
    office.suite(
        "raw",
        "births",
        [
            POSITIVE,
            {"type": "expect_column_values_to_be_in_set", "kwargs": {**columns, "value_set": ["nobody"]}},
            {"type": "expect_column_values_to_match_regex", "kwargs": {**columns, "regex": "^$"}},
            {"type": "expect_rows_to_satisfy", "kwargs": {"condition": "informant = ''"}, "description": "r"},
            {
                "type": "expect_query_to_find_nothing",
                "kwargs": {"query": "select informant as other from {batch} as b"},
            },
            {
                "type": "unexpected_rows_expectation",
                "kwargs": {"unexpected_rows_query": "select * from {batch}"},
            },
            {"type": "expect_keys_to_be_unique", "kwargs": {"columns": ["informant"]}},
            {"type": "expect_column_value_lengths_to_be_between", "kwargs": {**columns, "max_value": 3}},
        ],
        example_columns=["geo_code", "informant", "total"],
    )
    delivery_id = office.deliver()
    office.execute("update raw.births set informant = :secret", secret=secret)
    result = office.judge(delivery_id)
    assert result.failed >= 7
    rows = office.results(result.gate_run_id)
    (page,) = office.rows("select page from quality.gate_run")
    shown = [str(rows), result.message, (office.database.home / "report" / page["page"]).read_text()]
    assert not any("Gurung" in each or "98410" in each for each in shown)
    assert not any("informant" in str(row["examples"]) for row in rows)


def test_results_hide_what_a_query_still_returns(office) -> None:
    """The second line: a result that has such a column all the same is emptied of it, and of its page."""
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    def judged(kwargs: dict, content: dict) -> str:
        check = suites.Check("expect_x", "accuracy", "fail", "d", "here", kwargs)
        suite = suites.Suite("raw.births", "births", (check,))
        config = ExpectationConfiguration(type="expect_x", kwargs=kwargs, meta={"position": 1})
        result = ExpectationValidationResult(success=False, expectation_config=config, result=content)
        validation = ExpectationSuiteValidationResult(success=False, results=[result], suite_name="x")
        bindings = gates.Bindings(batch="x", hidden_columns=frozenset({"informant"}))
        return str(results.collect(suite, bindings, validation)) + str(validation.to_json_dict())

    nested = {"partial_unexpected_list": [{"row": {"informant": "Sita", "total": 5}}], "unexpected_count": 1}
    assert "Sita" not in judged({}, nested)
    assert "5" in judged({}, nested)
    renamed = {
        "partial_unexpected_list": [{"other": "Sita"}],
        "observed_value": "Sita",
        "unexpected_count": 7,
    }
    assert "Sita" not in judged({"query": "select informant as other"}, renamed)
    assert "rows_unexpected=7" in judged({"query": "select informant as other"}, renamed)


def test_the_gate_of_the_marts_judges_every_suite(office) -> None:
    office.execute("create schema candidate")
    office.execute("create table candidate.birth as select 'V:district:11' as place_id, 5 as total")
    office.suite("marts", "birth", [{"type": "expect_rows_to_satisfy", "kwargs": {"condition": "total > 0"}}])
    office.suite("marts", "gone", [{"type": "expect_rows_to_satisfy", "kwargs": {"condition": "total > 0"}}])
    with pytest.raises(GateError, match=r"candidate\.gone cannot be judged"):
        gates.judge("marts", "marts", engine=office.engine)
    (office.project / "expectations" / "marts" / "gone.yml").unlink()
    assert gates.judge("marts", "marts", engine=office.engine).passed
    office.execute("update candidate.birth set total = -5")
    stopped = gates.judge("marts", "marts", engine=office.engine)
    assert not stopped.passed
    assert (
        "candidate.birth: expect_rows_to_satisfy: 1 of 1 rows unexpected; for example place_id=V:district:11"
        in stopped.message
    )


def test_a_gate_without_suites_is_an_error(office) -> None:
    with pytest.raises(GateError, match="no suites are declared"):
        gates.judge("release", "release", engine=office.engine)
    with pytest.raises(GateError, match="there is no gate 'mart'"):
        gates.judge("mart", "marts", engine=office.engine)


def test_a_misspelt_expectation_stops_the_gate(office) -> None:
    office.suite("raw", "births", [{**POSITIVE, "type": "expect_rows_to_satisfi"}])
    with pytest.raises(GateError, match=r"births.yml, line \d+, expectation 1: there is no expectation"):
        office.judge(office.deliver())
    assert not office.rows("select * from quality.gate_run")


def test_nothing_is_left_in_the_warehouse(office) -> None:
    office.suite("raw", "births", [{"type": "expect_all_places_to_report", "kwargs": {"level": "district"}}])
    office.judge(office.deliver())
    with office.engine.connect() as connection:
        assert not connection.scalars(text("select relname from pg_class where relname like 'judged%'")).all()
        waiting = "select count(*) from pg_stat_activity where application_name = 'statloom-gate'"
        assert connection.scalar(text(f"{waiting} and datname = current_database()")) == 0
