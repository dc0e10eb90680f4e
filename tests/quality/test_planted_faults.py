"""For each kind of expectation: the clean delivery passes, the one with a planted fault is stopped."""

import pytest
from great_expectations.expectations.registry import get_expectation_impl

from statloom.quality import expectations

BY_PLACE = ["geo_level", "geo_code"]


def change(values: str, code: str, kind: str) -> str:
    """Return the fault that sets ``values`` in one row of the delivery."""
    return (
        f"update raw.births set {values} where geo_code = '{code}' and kind = '{kind}' and _delivery_id = :d"
    )


# type, arguments, the fault (SQL), and what the message must name
FAULTS = [
    ("expect_rows_to_satisfy", {"condition": "total < 1000"}, change("total = 1234", "12", "home"), "1234"),
    (
        "expect_part_not_greater_than_whole",
        {"part": "skilled", "whole": "total"},
        change("skilled = total + 1", "21", "ward"),
        "skilled=91",
    ),
    (
        "expect_query_to_find_nothing",
        {"query": "select geo_code, total from {batch} as b where total = 7"},
        change("total = 7", "11", "ward"),
        "total=7",
    ),
    (
        "expect_columns_to_have_types",
        {"columns": {"total": "bigint", "kind": "text"}},
        "alter table raw.births alter column total type numeric",
        "found_type=numeric",
    ),
    (
        "expect_keys_to_be_unique",
        {"columns": ["geo_code", "kind", "total"]},
        "insert into raw.births select * from raw.births where _row_number = 7 and _delivery_id = :d",
        "rows=2",
    ),
    (
        "expect_parts_to_add_up_to_total",
        {
            "column": "kind",
            "total": "all",
            "parts": ["home", "ward", "clinic"],
            "value": "total",
            "by": BY_PLACE,
        },
        change("total = total + 1", "12", "ward"),
        "difference=1",
    ),
    (
        "expect_parts_to_add_up_to_total",
        {"column": "kind", "total": "all", "value": "total", "by": BY_PLACE, "tolerance": 0.01},
        change("total = total + 3", "12", "ward"),
        "difference=3",
    ),
    (
        "expect_no_part_to_exceed_the_total",
        {"column": "kind", "total": "all", "value": "total", "by": BY_PLACE},
        change("total = 201", "12", "ward"),
        "category=ward",
    ),
    (
        "expect_no_category_to_be_the_total",
        {
            "column": "kind",
            "value": "total",
            "by": BY_PLACE,
            "where": "kind <> 'all'",
            "minimum_categories": 3,
        },
        change("total = 180", "21", "home"),
        "category=home",
    ),
    (
        "expect_children_to_add_up_to_parents",
        {"value": "total", "parent_level": "country", "child_level": "district", "by": ["kind"]},
        change("total = total - 5", "11", "all"),
        "difference=-5",
    ),
    (
        "expect_children_to_add_up_to_parents",
        {
            "value": "total",
            "parent_level": "country",
            "child_level": "district",
            "where": "kind = 'all'",
            "tolerance": 0.01,
        },
        change("total = total - 7", "11", "all"),
        "children=593",
    ),
    (
        "expect_parents_to_lie_among_children",
        {"value": "skilled", "parent_level": "country", "child_level": "district", "where": "kind = 'all'"},
        change("skilled = 39", "NP", "all"),
        "lowest=40",
    ),
    (
        "expect_sums_to_equal_those_of",
        {"table": "public.before", "value": "total", "by": ["kind"], "where": "geo_level = 'district'"},
        change("total = total + 1", "11", "clinic"),
        "there=180",
    ),
    (
        "expect_all_places_to_report",
        {"level": "district"},
        "delete from raw.births where geo_code = '12'",
        "place_name=Jhapa",
    ),
    (
        "expect_all_places_to_report",
        {"level": "district", "by": ["kind"]},
        "delete from raw.births where geo_code = '12' and kind = 'ward'",
        "kind=ward",
    ),
    (
        "expect_delivery_to_be_fresh",
        {"maximum_age_days": 10},
        "update landing.delivery set fetched_at = now() - interval '11 days' where delivery_id = :d",
        "births.csv",
    ),
    (
        "expect_sources_to_be_fresh",
        {"may_be_empty": True},
        "update landing.delivery set fetched_at = now() - interval '31 days'",
        "births",
    ),
    (
        "expect_sources_to_agree",
        {
            "value": "total",
            "source": "kind",
            "by": ["geo_code"],
            "where": "kind in ('home', 'ward')",
            "tolerance": 0.5,
        },
        change("total = 10", "12", "ward"),
        "lowest=10",
    ),
    (
        "expect_values_near_own_history",
        {
            "value": "total",
            "by": ["geo_code"],
            "period": "kind",
            "where": "kind in ('home', 'ward')",
            "maximum_factor": 2,
        },
        change("total = 5", "12", "ward"),
        "before=80",
    ),
    (
        "expect_values_near_peers",
        {
            "value": "total",
            "by": ["geo_level"],
            "label": ["geo_code", "kind"],
            "where": "geo_level = 'district'",
            "minimum_peers": 5,
            "spread": 5,
        },
        change("total = 100000", "12", "ward"),
        "value=100000",
    ),
    (
        "expect_categories_to_be_unchanged",
        {"column": "kind"},
        "update raw.births set kind = 'tent' where _delivery_id = :d and kind = 'ward'",
        "category=tent, change=new",
    ),
    # Great Expectations' own, as suites use them
    (
        "expect_column_values_to_not_be_null",
        {"column": "skilled"},
        change("skilled = null", "12", "ward"),
        "geo_code=12",
    ),
    (
        "expect_column_values_to_be_between",
        {"column": "total", "max_value": 700},
        change("total = 701", "12", "ward"),
        "total=701",
    ),
    (
        "expect_column_values_to_be_in_set",
        {"column": "kind", "value_set": ["all", "home", "ward", "clinic"]},
        change("kind = 'tent'", "12", "ward"),
        "kind=tent",
    ),
    (
        "expect_column_values_to_match_regex",
        {"column": "geo_code", "regex": "^(NP|[0-9]{2})$"},
        change("geo_code = '1'", "12", "ward"),
        "geo_code=1",
    ),
    (
        "expect_column_distinct_values_to_contain_set",
        {"column": "kind", "value_set": ["clinic"]},
        "delete from raw.births where kind = 'clinic'",
        "births",
    ),
    (
        "expect_table_row_count_to_be_between",
        {"min_value": 16},
        "delete from raw.births where kind = 'clinic'",
        "12",
    ),
    (
        "unexpected_rows_expectation",
        {"unexpected_rows_query": "select geo_code from {batch} where total > 1000"},
        change("total = 1001", "12", "ward"),
        "geo_code=12",
    ),
]


def planted(type_: str, kwargs: dict) -> dict:
    return {"type": type_, "kwargs": kwargs, "description": f"{type_} {kwargs}"}


@pytest.fixture
def before(office) -> None:
    """What the faults are measured against: sums in another table, and an accepted delivery."""
    office.execute(
        "create table public.before as select * from (values ('all', 600), ('home', 240), ('ward', 180),"
        " ('clinic', 180)) as sums (kind, total)"
    )
    office.deliver(status="accepted")


@pytest.mark.database
def test_a_clean_delivery_meets_every_kind(office, before) -> None:
    office.suite("raw", "births", [planted(type_, kwargs) for type_, kwargs, _, _ in FAULTS])
    clean = office.judge(office.deliver())
    assert clean.passed, clean.message
    assert clean.failed == clean.warned == 0
    assert all(row["passed"] for row in office.results(clean.gate_run_id))


@pytest.mark.database
@pytest.mark.parametrize(
    ("type_", "kwargs", "fault", "named"), FAULTS, ids=[f"{n}-{f[0]}" for n, f in enumerate(FAULTS)]
)
def test_a_planted_fault_is_stopped(office, before, type_, kwargs, fault, named) -> None:
    office.suite("raw", "births", [planted(type_, kwargs)])
    stopped = office.judge(office.deliver(fault))
    assert not stopped.passed
    description = planted(type_, kwargs)["description"]
    result = next(r for r in office.results(stopped.gate_run_id) if r["description"] == description)
    assert not result["passed"]
    assert "could not be judged" not in result["message"]
    assert named in result["message"], result["message"]
    assert f"failed: raw.births: {description}" in stopped.message


def test_every_expectation_of_ours_has_a_planted_fault() -> None:
    ours = {getattr(expectations, name).expectation_type for name in expectations.__all__}
    assert ours == {
        fault[0] for fault in FAULTS if get_expectation_impl(fault[0]).__module__.startswith("statloom")
    }
