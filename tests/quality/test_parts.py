"""What fails is held back at the smallest whole: which parts, series × period, the rows at fault feed."""

import pytest

from statloom import contracts
from statloom.quality import parts

pytestmark = pytest.mark.database

ALL = {(series, year) for series in ("HOME", "HOME_SHARE", "WARD", "SKILLED") for year in ("2020", "2021")}


def change(values: str, code: str, kind: str, year: str) -> str:
    """Return the fault that sets ``values`` in one row."""
    return (
        f"update raw.births set {values} where _delivery_id = :d"
        f" and geo_code = '{code}' and kind = '{kind}' and year = '{year}'"
    )


def held(result) -> set[tuple[str, str]]:
    """Return series (without NP_) and period of what is held back."""
    return {(part.series_code.removeprefix("NP_"), part.period) for part in result.held_back}


def both(*series: str, year: str) -> set[tuple[str, str]]:
    return {(name, year) for name in series}


SUMS = {
    "type": "expect_parts_to_add_up_to_total",
    "kwargs": {"column": "kind", "total": "all", "value": "total", "by": ["geo_level", "geo_code", "year"]},
}
NATION = {
    "type": "expect_children_to_add_up_to_parents",
    "kwargs": {
        "value": "total",
        "parent_level": "country",
        "child_level": "district",
        "by": ["kind", "year"],
    },
}
EVERY_DISTRICT = {
    "type": "expect_all_places_to_report",
    "kwargs": {"level": "district", "by": ["kind", "year"]},
}

NO_WARD = (
    "delete from raw.births where _delivery_id = :d and geo_code = '12' and kind = 'ward' and year = '2020'"
)
# the suite, the fault, and what is held back
FAULTS = {
    "a measure out of its range, in one year": (
        [],
        change("total = -1", "12", "ward", "2021"),
        both("HOME_SHARE", "WARD", year="2021"),
    ),
    "a measure that is empty": (
        [],
        change("skilled = null", "12", "clinic", "2020"),
        both("SKILLED", year="2020"),
    ),
    "a condition on one measure": (
        [
            {
                "type": "expect_rows_to_satisfy",
                "kwargs": {"condition": "total < 1000", "where": "kind = 'home'"},
            }
        ],
        change("total = 5000", "11", "home", "2020"),
        both("HOME", "HOME_SHARE", year="2020"),
    ),
    "a part above its whole: either may be wrong": (
        [{"type": "expect_part_not_greater_than_whole", "kwargs": {"part": "skilled", "whole": "total"}}],
        change("skilled = 5000", "21", "ward", "2020"),
        both("SKILLED", "HOME_SHARE", "WARD", year="2020"),
    ),
    "great expectations' own, on text": (
        [
            {
                "type": "expect_column_values_to_not_match_regex",
                "kwargs": {"column": "kind", "regex": "^clin%"},
            }
        ],
        change("kind = 'clin%c'", "21", "clinic", "2020") + "; " + change("total = -9", "21", "home", "2021"),
        None,  # a category that feeds nothing: what it would have fed cannot be told
    ),
    "a sum that one row breaks is no fault of the rest": (
        [SUMS, NATION],
        change("total = -1", "12", "ward", "2021"),
        both("HOME_SHARE", "WARD", year="2021"),
    ),
    "a relation that one row breaks, and another that none does": (
        [
            {
                "type": "expect_query_to_find_nothing",
                "kwargs": {
                    "query": "select geo_code, year from {batch} as b group by geo_code, year"
                    " having min(total) < 0 or max(skilled) > 4000"
                },
            }
        ],
        change("total = -1", "12", "ward", "2021") + "; " + change("skilled = 4321", "21", "home", "2020"),
        both("HOME", "HOME_SHARE", "WARD", "SKILLED", year="2020") | both("HOME_SHARE", "WARD", year="2021"),
    ),
    "places that must report, beside a row out of range": (
        [EVERY_DISTRICT],
        NO_WARD + "; " + change("total = -1", "21", "ward", "2020"),
        both("WARD", "HOME_SHARE", "SKILLED", year="2020"),
    ),
    "a sum that is wrong": (
        [NATION],
        change("total = total + 7", "12", "home", "2020"),
        both("HOME", "HOME_SHARE", year="2020"),
    ),
    "places that must report": (
        [EVERY_DISTRICT],
        NO_WARD,
        both("WARD", "HOME_SHARE", "SKILLED", year="2020"),
    ),
    "what a query finds": (
        [
            {
                "type": "expect_query_to_find_nothing",
                "kwargs": {
                    "query": "select kind, year from {batch} as b where kind = 'home' and total = 4321"
                },
            }
        ],
        change("total = 4321", "11", "home", "2021"),
        both("HOME", "HOME_SHARE", year="2021"),
    ),
    "its own history": (
        [
            {
                "type": "expect_values_near_own_history",
                "kwargs": {
                    "value": "total",
                    "by": ["geo_level", "geo_code", "kind"],
                    "period": "year",
                    "maximum_factor": 9,
                },
            }
        ],
        change("total = 99999", "11", "home", "2021"),
        both("HOME", "HOME_SHARE", year="2021"),
    ),
    "peers": (
        [
            {
                "type": "expect_values_near_peers",
                "kwargs": {
                    "value": "skilled",
                    "by": ["kind", "year"],
                    "label": ["geo_level", "geo_code"],
                    "spread": 0.6,
                    "minimum_peers": 3,
                    "where": "geo_level = 'district'",
                },
            }
        ],
        change("skilled = 99999", "11", "home", "2020"),
        both("SKILLED", year="2020"),
    ),
    "a row that feeds nothing, beside one that does": (
        [],
        change("total = -1", "12", "all", "2020") + "; " + change("total = -1", "12", "ward", "2020"),
        both("WARD", "HOME_SHARE", year="2020"),
    ),
    "all of it": ([], "update raw.births set total = -1, skilled = -1 where _delivery_id = :d", None),
    "a key": ([], "insert into raw.births select * from raw.births where _delivery_id = :d limit 1", None),
    "a place code that is empty": (
        [],
        "update raw.births set geo_code = null where _delivery_id = :d and geo_code = '11' and kind = 'home'",
        None,
    ),
    "codes of another scheme": (
        [],
        "update raw.births set geo_code = geo_code || 'x' where _delivery_id = :d and geo_level = 'district'",
        None,
    ),
    "a period that is none": (
        [{"type": "expect_column_values_to_match_regex", "kwargs": {"column": "year", "regex": "^20"}}],
        change("year = 'soon'", "11", "home", "2020"),
        None,
    ),
    "a query that says no row": (
        [
            {
                "type": "expect_query_to_find_nothing",
                "kwargs": {"query": "select count(*) as found from {batch} as b having max(total) > 4000"},
            }
        ],
        change("total = 4321", "11", "home", "2021"),
        None,
    ),
    "an expectation that cannot be judged": (
        [{"type": "expect_rows_to_satisfy", "kwargs": {"condition": "no_such_column > 1"}}],
        change("total = -1", "12", "ward", "2021"),
        None,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_parts_at_fault_are_held_back(clinics, name):
    suite, fault, expected = FAULTS[name]
    if suite:
        clinics.suite("raw", "births", suite)
    result = clinics.judge(clinics.deliver(fault))
    assert not result.passed
    if expected is None:
        assert result.held_back == ()
        assert result.whole
    else:
        assert held(result) == expected
        assert result.whole == ()


def test_a_clean_delivery_holds_back_nothing(clinics):
    clinics.suite("raw", "births", [SUMS, NATION, EVERY_DISTRICT])
    delivery = clinics.deliver()
    result = clinics.judge(delivery)
    assert result.passed, result.message
    assert result.held_back == result.whole == ()
    delivered = parts.delivered(clinics.engine, contracts.load("births"), delivery)
    assert {(p.series_code.removeprefix("NP_"), p.period) for p in delivered} == ALL
    assert {p.rows for p in delivered if p.series_code == "NP_SKILLED"} == {12}


def test_rows_and_places_at_fault_are_counted_all_of_them(clinics):
    fault = "update raw.births set total = -1 where _delivery_id = :d and kind = 'home' and year = '2020'"
    result = clinics.judge(clinics.deliver(fault))
    [home] = [part for part in result.held_back if part.series_code == "NP_HOME"]
    assert (home.period, home.rows, home.places) == ("2020", 4, 4)
    assert home.owner == "births@office.example"
    assert home.expectation == "total is at least 0"
    assert home.reason == "4 of 32 rows unexpected"
    assert [r["parts_held_back"] for r in clinics.rows("select * from quality.gate_run")] == [2]


def test_no_value_of_a_row_is_in_the_reason(clinics):
    one = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "total", "value_set": [1]}}
    clinics.suite("raw", "births", [one])
    result = clinics.judge(clinics.deliver(change("total = -987", "12", "ward", "2021")))
    assert "987" in result.message
    assert all("987" not in (part.reason + part.expectation) for part in result.held_back)


@pytest.mark.parametrize(("most", "expected"), [(0.5, 2), (0.2, 0)])
def test_a_suite_may_say_how_much_may_be_held_back(clinics, most, expected):
    clinics.suite("raw", "births", [SUMS], most_held_back=most)
    result = clinics.judge(clinics.deliver(change("total = -1", "12", "ward", "2021")))
    assert len(result.held_back) == expected if expected == 0 else len(held(result)) == expected
    assert bool(result.whole) == (expected == 0)


def test_more_warnings_than_the_budget_are_a_failure_of_the_whole(clinics):
    warning = {"type": "expect_rows_to_satisfy", "kwargs": {"condition": "total < 10"}, "severity": "warn"}
    clinics.suite("raw", "births", [warning], warning_budget=0)
    result = clinics.judge(clinics.deliver(change("total = -1", "12", "ward", "2021")))
    assert result.held_back == ()
    assert "the budget is 0" in "".join(result.whole)
