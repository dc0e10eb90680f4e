"""The primary rule and the search for recoverable cells, in PostgreSQL."""

import pytest

from statloom import disclosure
from tests.publication.marts import query, run

pytestmark = pytest.mark.database

COLUMNS = {name: name for name in ("minimum", "respondents", "value", "numerator", "denominator", "is_count")}


@pytest.mark.parametrize(
    ("minimum", "respondents", "value", "numerator", "denominator", "is_count", "left_out"),
    [
        (0, 1, 5, None, None, True, False),  # no minimum declared
        (None, 1, 5, None, None, True, False),
        (5, 4, 50, 4000, 8000, True, True),  # few respondents behind a weighted share
        (5, 0, None, None, None, True, True),
        (5, 5, 50, 3, 8000, True, False),  # respondents are known and enough
        (5, None, 4, None, None, True, True),  # a small count
        (5, None, 5, None, None, True, False),
        (5, None, 0, None, None, True, False),  # a zero tells about nobody
        (5, None, 2.4, None, None, True, True),  # apportioned
        (5, None, 4, None, None, False, False),  # four years of schooling are no count
        (5, None, 0.1, 3, 4000, True, True),  # a share with its numerator
        (5, None, 50, 2, 4, True, True),  # with its denominator
        (5, None, 99.9, 3997, 4000, True, True),  # with the rest
        (5, None, 100, 4000, 4000, True, False),
        (5, None, 0, 0, 4000, True, False),
        (5, None, 50, 2000, 4000, True, False),
        (5, None, None, None, None, True, False),
    ],
)
def test_small_cells(database, minimum, respondents, value, numerator, denominator, is_count, left_out):
    given = (minimum, respondents, value, numerator, denominator, is_count)
    literals = ", ".join("null" if item is None else str(item).lower() for item in given)
    types = "minimum integer, respondents bigint, value numeric, numerator numeric, denominator numeric, " \
        "is_count boolean"  # fmt: skip
    casts = ", ".join(f"{c.split()[0]}::{c.split()[1]}" for c in types.split(", "))
    statement = (
        f"select {disclosure.small(**COLUMNS)} from (select {casts} from (values ({literals})) "
        f"v ({', '.join(COLUMNS)})) c"
    )
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql(statement).scalar_one() is left_out


def recoverable(database, cells: list[tuple]) -> list[tuple]:
    """Find the recoverable ones of ``cells``: (key, place, sex, amount, suppressed), all of one table."""
    values = ", ".join(
        f"('{key}', '{place}', '{sex}', {'null' if amount is None else amount}, {str(suppressed).lower()})"
        for key, place, sex, amount, suppressed in cells
    )
    run(
        database.engine,
        "create schema trial",
        "create table trial.place as select * from (values ('D', null), ('A', 'D'), ('B', 'D'), ('C', 'D')) "
        "p (place_id, parent_id)",
        f"create table trial.cell as select 'S' as series, true as additive, '_T' as age, v.* "
        f"from (values {values}) v (observation_key, place_id, sex, amount, suppressed)",
    )
    found = disclosure.recoverable("trial.cell", "trial.place", dimensions=("sex", "age"), apart=("series",))
    return query(database.engine, f"select observation_key, dimension, companion from ({found}) f order by 1")


def test_the_only_missing_child_is_found(database):
    cells = [
        ("d", "D", "_T", 60, False),
        ("a", "A", "_T", 3, True),
        ("b", "B", "_T", 20, False),
        ("c", "C", "_T", 37, False),
    ]
    assert recoverable(database, cells) == [("a", "place", "b")]


def test_two_missing_children_hide_each_other(database):
    cells = [("d", "D", "_T", 60, False), ("a", "A", "_T", 3, True), ("b", "B", "_T", 20, True)]
    assert recoverable(database, cells) == []


def test_the_only_missing_sex_is_found_and_zeros_hide_nothing(database):
    cells = [
        ("t", "A", "_T", 20, False),
        ("f", "A", "F", 3, True),
        ("m", "A", "M", 17, False),
        ("x", "A", "X", 0, False),
    ]
    assert recoverable(database, cells) == [("f", "sex", "m")]


def test_without_its_total_nothing_is_recoverable(database):
    cells = [("f", "A", "F", 3, True), ("m", "A", "M", 17, False), ("b", "B", "F", 8, False)]
    assert recoverable(database, cells) == []


def test_a_missing_total_of_published_parts_is_found(database):
    cells = [("t", "A", "_T", None, True), ("f", "A", "F", 3, False), ("m", "A", "M", 17, False)]
    assert recoverable(database, cells) == [("t", "sex", "f")]


def test_nothing_left_out_is_nothing_to_find(database):
    assert recoverable(database, [("d", "D", "_T", 60, False), ("a", "A", "_T", 60, False)]) == []
