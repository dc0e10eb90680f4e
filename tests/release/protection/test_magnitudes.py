"""Totals that a few contributors make, from the delivery's columns to what a release leaves out."""

import pytest

from statloom import release
from tests.publication.marts import query, run
from tests.release.country import DIMENSIONS
from tests.release.protection.attacker import largest
from tests.release.protection.tables import census, left_out, place, publish_cells, rules

pytestmark = pytest.mark.database

TURNOVER = {"11": 1000, "12": 900, "13": 800, "21": 700, "22": 650}
# The largest and the second largest contribution to each.
CONTRIBUTIONS = {"11": (880, 60), "12": (200, 150), "13": (120, 90), "21": (90, 80), "22": (90, 85)}
COLUMNS = {
    "turnover": {"type": "number", "role": "measure"},
    "largest": {"type": "number", "role": "contribution"},
    "second": {"type": "number", "role": "contribution"},
}


def country() -> dict[str, int]:
    districts = {d: sum(n for p, n in TURNOVER.items() if p[0] == d) for d in "12"}
    return TURNOVER | districts | {"NP": sum(districts.values())}


def deliver(engine, contributions: dict[str, tuple]) -> None:
    """Publish the totals, and put the delivery's rows where the pipeline leaves them."""
    cells = country()
    publish_cells(engine, [{"place": p, "value": n, "level": "local_unit"} for p, n in cells.items()])
    units = sorted(TURNOVER)
    others = ", ".join(f"'_T' as {name}" for name in DIMENSIONS.split(", "))
    run(
        engine,
        "create schema if not exists harmonised",
        "drop table if exists raw.census, harmonised.placed_row, harmonised.category_link, harmonised.cell, "
        "harmonised.track, harmonised.place_number",
        "create table raw.census (unit text, turnover numeric, largest numeric, second numeric, "
        "_delivery_id bigint, _row_number bigint)",
        "create table harmonised.placed_row (delivery_id bigint, row_number bigint, category_id integer, "
        "place_number integer, track_id integer)",
        "create table harmonised.category_link (category_id integer, cell_id integer, role text)",
        "insert into harmonised.category_link values (1, 1, 'value')",
        f"create table harmonised.cell as select 1 as cell_id, 'S' as series_code, '_T' as sex, {others}",
        "create table harmonised.track as select 1 as track_id, 'census' as source_id, "
        "'local_unit' as source_level, '2021' as period",
        "create table harmonised.place_number (place_number integer, place_id text)",
        *(
            f"insert into harmonised.place_number values ({n}, '{place(unit)}')"
            for n, unit in enumerate(units, start=1)
        ),
        *(f"insert into harmonised.placed_row values (1, {n}, 1, {n}, 1)" for n in range(1, len(units) + 1)),
        *(
            f"insert into raw.census values ('{unit}', {TURNOVER[unit]}, {contributions[unit][0]}, "
            f"{contributions[unit][1]}, 1, {n})"
            for n, unit in enumerate(units, start=1)
        ),
    )


def test_contributions_follow_their_rows_up_to_the_country(database):
    deliver(database.engine, CONTRIBUTIONS)
    census(database.engine, rules(0, columns=COLUMNS, dominance={"largest": 2, "share": 85}))
    release.prepare(database.engine, run_id="test")
    found = query(
        database.engine,
        "select place_code, contributions from release.candidate_contribution "
        "join release.candidate_cell using (observation_key) order by 1",
    )
    assert ("11", [880, 60]) in found and ("1", [880, 200]) in found and ("NP", [880, 200]) in found
    assert not any(
        "880" in str(row) for row in query(database.engine, "select * from release.candidate_cell")
    )


@pytest.mark.parametrize("rule", [{"dominance": {"largest": 2, "share": 85}}, {"p_percent": 10}])
def test_a_concentrated_total_is_hidden_with_others_on_both_sides(database, rule):
    deliver(database.engine, CONTRIBUTIONS)
    census(database.engine, rules(0, columns=COLUMNS, **rule))
    release.prepare(database.engine, run_id="test")
    hidden = {p for p, _ in left_out(database.engine)}
    assert "11" in hidden and len(hidden) > 1
    cells = country()
    sums = [("NP", ["1", "2"]), ("1", ["11", "12", "13"]), ("2", ["21", "22"])]
    needed = 940 / 0.85 - 1000 if "dominance" in rule else 88 - 60
    assert largest(cells, hidden, sums, "11") >= 1000 + needed - 1e-6
    # Planted: with contributions that are evenly spread nothing is left out.
    deliver(database.engine, CONTRIBUTIONS | {"11": (200, 150)})
    release.prepare(database.engine, run_id="test")
    assert left_out(database.engine) == set()


def test_a_total_whose_contributions_are_not_known_is_left_out(database):
    deliver(database.engine, CONTRIBUTIONS | {"11": (200, 150)})
    run(database.engine, "delete from harmonised.placed_row where row_number = 4")
    census(database.engine, rules(0, columns=COLUMNS, p_percent=10))
    release.prepare(database.engine, run_id="test")
    assert "21" in {p for p, _ in left_out(database.engine)}
