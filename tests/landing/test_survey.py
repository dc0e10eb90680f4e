"""Microdata: into the vault without identifiers, and as estimates into raw."""

import duckdb
import pandas as pd
import pyreadstat
import pytest
from sqlalchemy import text

from statloom import landing
from statloom.errors import DeliveryError
from statloom.landing import microdata
from tests.landing.conftest import make_contract

COLUMNS = {
    "household": {"type": "integer", "role": "personal_identifier"},
    "name": {"role": "personal_identifier"},
    "stratum": {"type": "integer", "role": "stratum"},
    "psu": {"type": "integer", "role": "psu"},
    "weight": {"type": "number", "role": "weight"},
    "district": {"role": "place_code", "level": "district"},
    "sex": {"role": "dimension", "categories": ["F", "M"]},
    "toilet": {"role": "dimension", "categories": ["FLUSH", "NONE"], "required": False},
    "size": {"type": "integer", "role": "measure"},
}


def contract_on(path, **changes):
    given = {
        "kind": "survey",
        "connector": {"type": "file", "url": str(path)},
        "format": {"type": "stata"},
        "columns": COLUMNS,
        "key": ["household"],
        "place": {"scheme": "NP-CENSUS-2011", "date": "2011-06-22", "code": "NP"},
        "estimation": {
            "design": {"weight": "weight", "strata": "stratum", "psu": "psu"},
            "domains": [[], ["district"], ["district", "sex"]],
            "estimands": [
                {
                    "measure": "no_toilet",
                    "type": "proportion",
                    "column": "toilet",
                    "category": "NONE",
                    "multiplier": 100,
                },
                {"measure": "mean_size", "type": "mean", "column": "size"},
                {
                    "measure": "women_per_man",
                    "type": "ratio",
                    "numerator": "sex = 'F'",
                    "denominator": "sex = 'M'",
                },
            ],
        },
    }
    return make_contract(**given | changes)


@pytest.fixture
def cases(tmp_path):
    count = 80
    frame = pd.DataFrame(
        {
            "household": range(count),
            "name": [f"Secret {i}" for i in range(count)],
            "stratum": [i // 40 for i in range(count)],
            "psu": [i // 8 for i in range(count)],
            "weight": [1.0 + i % 3 for i in range(count)],
            "district": [f"{1 + i // 40:02}" for i in range(count)],
            "sex": ["F" if i % 5 < 3 else "M" for i in range(count)],
            "toilet": [None if i == 7 else float(i % 4 == 0) for i in range(count)],
            "size": [1 + i % 6 for i in range(count)],
        }
    )
    path = tmp_path / "survey.dta"
    pyreadstat.write_dta(frame, str(path), variable_value_labels={"toilet": {0: "FLUSH", 1: "NONE"}})
    return path, frame


@pytest.mark.database
def test_only_estimates_enter_the_warehouse_and_only_answers_the_vault(
    cases, database, tmp_path, monkeypatch
):
    path, frame = cases
    vault = tmp_path / "vault"
    monkeypatch.setenv("STATLOOM_VAULT", str(vault))
    contract, archive = contract_on(path), str(tmp_path / "archive")
    fetched = landing.fetch(contract, archive=archive, engine=database.engine, run_id=None)
    loaded = landing.load(contract, fetched.delivery_id, engine=database.engine, archive=archive)
    assert loaded.rows_loaded == (1 + 2 + 4) * 3 == loaded.rows_read
    assert loaded.notes[0].startswith("unit records in the vault: 80 unit; 0 held out")
    (stored,) = vault.rglob("*.parquet")
    assert stored.stat().st_mode & 0o777 == 0o600
    assert vault.stat().st_mode & 0o777 == stored.parent.stat().st_mode & 0o777 == 0o700
    columns = [c[0] for c in duckdb.sql(f"describe select * from '{stored}'").fetchall()]
    assert columns == [
        *("stratum", "psu", "weight", "district", "sex", "toilet", "size"),
        *("_unit", "_row_number"),
    ]
    assert b"Secret" not in stored.read_bytes()
    with database.engine.connect() as connection:
        rows = connection.execute(text("select * from raw.toilets order by _row_number")).mappings().all()
        placed = connection.scalar(text("select count(place_id) from places.place_reference"))
    assert placed == 3
    assert set(rows[0]) == {*contract.raw_columns, "_delivery_id", "_row_number"}
    first = rows[0]
    assert (first["place_level"], first["place_code"], first["estimand"], first["sex"]) == (
        "country",
        "NP",
        "no_toilet",
        "_T",
    )
    known = frame[frame["toilet"].notna()]
    expected = 100 * (known["weight"] * known["toilet"]).sum() / known["weight"].sum()
    assert float(first["value"]) == pytest.approx(expected) and first["respondents"] == 79
    assert float(first["ci_low"]) < expected < float(first["ci_high"])
    # Strata are districts: every figure of a district rests on its own, one of a sex shares them.
    assert {(r["place_level"], r["sex"] == "_T", r["own_strata"]) for r in rows} == {
        ("country", True, "domain"),
        ("district", True, "domain"),
        ("district", False, "place"),
    }
    assert all(float(r["deff"]) > 0 for r in rows if float(r["standard_error"] or 0) > 0)
    assert float(first["cv"]) == pytest.approx(float(first["standard_error"]) / expected)
    assert {(r["place_level"], r["place_code"], r["sex"]) for r in rows[3:]} == {
        ("district", code, sex) for code in ("01", "02") for sex in ("_T", "F", "M")
    }


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A state folder of the test's own; no database."""
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_case_that_cannot_be_read_shows_nothing_of_the_person(cases, home, tmp_path):
    _, frame = cases
    path = tmp_path / "cases.csv"
    frame.assign(size=["many" if i == 3 else i for i in range(80)], toilet="FLUSH").to_csv(path, index=False)
    contract = contract_on(path, format={"type": "csv"})
    with pytest.raises(DeliveryError) as caught:
        microdata.check(contract, path)
    assert "row 5, column size: is not an integer" in str(caught.value) and "many" not in str(caught.value)
    tolerant = contract_on(path, format={"type": "csv"}, tolerance={"unreadable_rows": 0.1})
    reading = microdata.check(tolerant, path)
    (held_out,) = reading.quarantined
    assert held_out.content == {} and "many" not in held_out.reason


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stratum": range(80)}, "row 3, column psu: psu 0 lies in two strata, stratum 0 and 1"),
        ({"psu": range(80), "stratum": range(80)}, "nothing can be estimated: design, field lonely_psu: 80"),
        ({"weight": 0.0}, "row 2, column weight: the weight is zero"),
        ({"weight": -1.5}, "row 2, column weight: the weight is negative"),
        ({"weight": [1.0] * 79 + [None]}, "row 81, column weight: the weight is missing"),
    ],
)
def test_a_design_that_does_not_hold_is_named_and_nothing_is_kept(cases, home, tmp_path, changes, message):
    _, frame = cases
    path = tmp_path / "cases.csv"
    frame.assign(toilet="FLUSH", **changes).to_csv(path, index=False)
    contract = contract_on(path, format={"type": "csv"})
    with pytest.raises(DeliveryError) as caught:
        microdata.check(contract, path)
    assert str(caught.value).startswith("toilets: cases.csv") and message in str(caught.value)
    assert not list(home.rglob("*.parquet"))


def test_checking_keeps_nothing(cases, home):
    path, _ = cases
    assert microdata.check(contract_on(path), path).table.num_rows == (1 + 2 + 4) * 3
    assert [p for p in home.rglob("*") if p.is_file() and p.suffix == ".parquet"] == []
