"""Rules of dominance and of groups, in PostgreSQL."""

import pytest

from statloom.disclosure.rules import all_in_one, concentrated, protection

pytestmark = pytest.mark.database


def value(database, statement: str):
    with database.engine.connect() as connection:
        return connection.exec_driver_sql(f"select {statement}".replace("%", "%%")).scalar_one()


def given(total, contributions, largest=None, share=None, percent=None) -> dict:
    text = lambda item: "null::numeric" if item is None else str(item)  # noqa: E731
    return {
        "total": text(total),
        "contributions": [text(item) for item in contributions],
        "largest": text(largest),
        "share": text(share),
        "percent": text(percent),
    }


@pytest.mark.parametrize(
    ("case", "broken"),
    [
        (given(100, [60, 26], 2, 85), True),
        (given(100, [60, 25], 2, 85), False),
        (given(100, [86, 1], 1, 85), True),
        (given(100, [60, 26]), False),  # no rule
        (given(0, [None, None], 2, 85), False),
        (given(100, [None, None], 2, 85), True),  # not known
        (given(100, [], 1, 85), True),
        (given(100, [70, 24], percent=10), True),  # the others make 6, a tenth of 70 is 7
        (given(100, [70, 22], percent=10), False),
        (given(100, [100, None], percent=10), True),  # one contributor
        (given(None, [70, 24], percent=10), False),
    ],
)
def test_dominance_and_p_percent(database, case, broken):
    assert value(database, concentrated(**case)) is broken


def test_how_far_a_concentrated_total_must_be_possible(database):
    assert float(value(database, protection(**given(100, [60, 30], 2, 85)))) == pytest.approx(90 / 0.85 - 100)
    assert float(value(database, protection(**given(100, [70, 28], percent=10)))) == pytest.approx(7 - 2)
    assert float(value(database, protection(**given(100, [70, 24], percent=10)))) == pytest.approx(1)


@pytest.mark.parametrize(
    ("numerator", "denominator", "broken"), [(7, 7, True), (6, 7, False), (0, 0, False), ("null", 7, False)]
)
def test_all_of_a_group(database, numerator, denominator, broken):
    rule = all_in_one(numerator=str(numerator), denominator=str(denominator), is_count="true")
    assert value(database, rule) is broken
