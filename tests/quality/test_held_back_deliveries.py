"""What the raw gate holds back of deliveries: written with the verdict, lifted by a better delivery."""

import pytest

from statloom.errors import GateError
from statloom.pipeline import ingest

pytestmark = pytest.mark.database

WARD = (
    "update raw.births set total = -1 where _delivery_id = :d and kind = 'ward' and year = '2021'"
    " and geo_code = '12'"
)
KEY = "insert into raw.births select * from raw.births where _delivery_id = :d limit 1"


@pytest.fixture
def gate(clinics, monkeypatch):
    """Judge a new delivery as the pipeline does; returns its id."""
    monkeypatch.setattr(ingest, "engine", lambda: clinics.engine)

    def judge(fault: str | None = None) -> int:
        delivery = clinics.deliver(fault)
        ingest.gate("births", delivery, run_id="test")
        return delivery

    return judge


def now(clinics, *columns: str) -> list[tuple]:
    """Return what is held back now: series, period, extent, and ``columns``."""
    rows = clinics.rows("select * from quality.held_back_now order by extent, series_code, period")
    return [tuple(row[name] for name in ("series_code", "period", "extent", *columns)) for row in rows]


def status(clinics) -> list[str]:
    return [r["status"] for r in clinics.rows("select status from landing.delivery order by delivery_id")]


def test_a_delivery_is_accepted_but_for_its_bad_parts(clinics, gate, capsys):
    delivery = gate(WARD)
    assert status(clinics) == ["accepted"]
    assert now(clinics, "delivery_id", "gates", "rows", "places", "owner", "expectation", "reason") == [
        (series, "2021", "part", delivery, "raw", 1, 1, "births@office.example", "total is at least 0",
         "1 of 32 rows unexpected")
        for series in ("NP_HOME_SHARE", "NP_WARD")
    ]  # fmt: skip
    said = capsys.readouterr().out
    assert "The rest of the delivery is accepted." in said
    assert "held back: births, NP_WARD, 2021: total is at least 0" in said
    assert "(owner: births@office.example)" in said


def test_a_part_stays_held_back_since_the_first_delivery_with_it(clinics, gate):
    gate(WARD)
    clinics.execute("update quality.held_back set since = '2020-02-02'")
    second = gate(WARD)
    assert {(row[3], str(row[4])[:10]) for row in now(clinics, "delivery_id", "since")} == {
        (second, "2020-02-02")
    }
    assert clinics.rows("select count(*) as n from quality.held_back")[0]["n"] == 4


def test_a_good_delivery_lifts_it_and_says_so(clinics, gate):
    gate(WARD)
    good = gate()
    assert now(clinics) == []
    assert {row["lifted_by"] for row in clinics.rows("select lifted_by from quality.held_back")} == {
        f"delivery {good} (births.csv)"
    }
    gate(WARD)
    [since] = {row[3] for row in now(clinics, "since")}
    assert since > clinics.rows("select max(lifted_at) as at from quality.held_back")[0]["at"]


def test_a_whole_delivery_that_fails_leaves_the_parts_of_the_one_in_use(clinics, gate):
    first = gate(WARD)
    with pytest.raises(GateError, match=r"births\.csv"):
        gate(KEY)
    assert status(clinics) == ["accepted", "held_back"]
    held = now(clinics, "delivery_id")
    assert [row for row in held if row[2] == "part"] == [
        ("NP_HOME_SHARE", "2021", "part", first),
        ("NP_WARD", "2021", "part", first),
    ]
    assert len([row for row in held if row[2] == "delivery"]) == 8
    [refused] = clinics.rows("select delivery_id, status from landing.refused_delivery")
    assert (refused["delivery_id"], refused["status"]) == (first + 1, "held_back")
    gate()
    assert now(clinics) == []
    assert clinics.rows("select * from landing.refused_delivery") == []


def test_a_delivery_that_is_refused_later_gives_way_to_the_parts_before_it(clinics, gate):
    first, second = gate(WARD), gate()
    clinics.execute(KEY.replace(":d", str(second)))
    with pytest.raises(GateError):
        ingest.gate("births", second, run_id="test")
    assert status(clinics) == ["accepted", "held_back"]
    assert {(row[0], row[3]) for row in now(clinics, "delivery_id") if row[2] == "part"} == {
        ("NP_HOME_SHARE", first),
        ("NP_WARD", first),
    }


def test_the_same_delivery_judged_again_by_another_suite(clinics, gate):
    delivery = gate(WARD)
    assert not ingest._suites_changed("births", delivery)
    one = {
        "type": "expect_rows_to_satisfy",
        "kwargs": {"condition": "skilled < 40", "where": "year = '2020'"},
    }
    clinics.suite("raw", "births", [one])
    assert ingest._suites_changed("births", delivery)
    clinics.execute("update raw.births set total = 60 where total < 0")
    ingest.gate("births", delivery, run_id="test")
    assert [row[:2] for row in now(clinics)] == [("NP_SKILLED", "2020")]
    assert {row["judged_again"] for row in clinics.rows("select * from quality.held_back")} == {True, False}


def test_a_gate_that_cannot_judge_holds_back_the_whole_delivery(clinics, gate):
    clinics.suite("raw", "births", [{"type": "expect_nothing_at_all"}])
    with pytest.raises(GateError, match="expect_nothing_at_all"):
        gate()
    assert status(clinics) == ["held_back"]
    held = now(clinics, "reason", "owner", "gate_run_id")
    assert len(held) == 8
    assert "expect_nothing_at_all" in held[0][3]
    assert held[0][4:] == ("births@office.example", None)
