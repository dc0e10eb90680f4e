"""Record keys of a tabulation: the respondents of a cell decide its key, whatever table or delivery."""

import numpy as np
import pandas as pd
import pytest
import yaml

from statloom.contracts.loading import build
from statloom.contracts.registration import as_json
from statloom.contracts.series import mapping
from statloom.disclosure.perturbation import record_keys as keys_of
from statloom.errors import StatloomError
from statloom.microdata import vault
from statloom.microdata.vault import location
from statloom.release.protection import record_keys
from tests.publication.marts import run

KEY = bytes(range(32))
CONTRACT = """
source: census
title: {en: Census}
custodian: Office
owner: a@b.example
kind: census
licence: MIT
provenance: Synthetic
sensitivity: severe
schedule: "@daily"
maximum_age_days: 400
connector: {type: file, url: household.csv, beside: [person.csv]}
format: {type: csv}
records:
  household: {key: [hh], file: household.csv}
  person: {parent: household, key: [line], file: person.csv}
columns:
  hh: {type: integer, role: key, record: household}
  district: {role: place_code, level: district, record: household}
  toilet: {role: dimension, record: household, categories: [flush, none]}
  line: {type: integer, role: key, record: person}
  sex: {role: dimension, record: person, categories: [F, M]}
  age: {type: integer, role: measure, record: person, required: false}
place: {scheme: NP-CENSUS-2011, date: "2011-06-22", code: NP}
period: {type: year, value: "2011"}
tabulation:
  record: person
  populations: {adults: age >= 15}
  denominators:
    persons:
    adults: {population: adults}
    households: {record: household}
  numerators:
    adults_without_toilet: {population: adults, expression: "toilet = 'none' or toilet is null"}
    years: {population: adults, expression: age}
  breakdowns:
    sex: {expression: sex, categories: [F, M]}
  by: [[], [sex]]
series:
  - series: ADULTS_NO_TOILET
    numerator: {measure: adults_without_toilet}
    denominator: {measure: adults}
    breakdown: {SEX: {column: sex, codes: {F: F, M: M}}}
  - series: HOUSEHOLDS
    value: {measure: households}
"""
MEASURES = {"adults", "adults_without_toilet", "households", "years"}


def contract(**changes):
    return build(yaml.safe_load(CONTRACT) | changes, sha256="x")


def census(households: int = 300) -> tuple[pd.DataFrame, pd.DataFrame]:
    draw = np.random.default_rng(3)
    house = pd.DataFrame(
        {
            "hh": range(households),
            "district": draw.choice(["01", "02"], households),
            "toilet": draw.choice(["flush", "none", None], households),
        }
    )
    size = draw.integers(1, 6, households)
    person = pd.DataFrame({"hh": np.repeat(range(households), size)})
    person["line"] = person.groupby("hh").cumcount() + 1
    person["sex"] = draw.choice(["F", "M"], len(person))
    person["age"] = pd.array(draw.integers(0, 90, len(person)), "Int64")
    person.loc[::17, "age"] = pd.NA
    return house, person


def store(declared, sha256: str, house: pd.DataFrame, person: pd.DataFrame):
    """Write unit records as the vault has them; return what the vault says of them."""
    folder = location.of_delivery("census", sha256)
    folder.make()
    house = house.assign(_household=np.arange(1, len(house) + 1), _row_number=np.arange(2, len(house) + 2))
    number = house.set_index("hh")["_household"]
    person = person.assign(
        _household=person["hh"].map(number).to_numpy(),
        _person=np.arange(1, len(person) + 1),
        _row_number=np.arange(2, len(person) + 2),
    ).drop(columns="hh")
    house.to_parquet(folder.file("household.parquet"))
    person.to_parquet(folder.file("person.parquet"))
    return vault.stored(declared, sha256)


@pytest.fixture
def keep(tmp_path, monkeypatch):
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STATLOOM_VAULT", str(tmp_path / "vault"))


def lookup(found: pd.DataFrame) -> dict:
    indexed = found.set_index(["measure", "place_code", "sex"])
    return {key: (int(row.units), int(row.key_sum)) for key, row in indexed.iterrows()}


def test_a_cell_adds_up_the_keys_of_exactly_those_it_counts(keep):
    house, person = census()
    declared = contract()
    found = lookup(record_keys.sums(declared, store(declared, "a", house, person), MEASURES, key=KEY))
    joined = person.merge(house, on="hh")
    joined["key"] = keys_of(
        [f"{hh}\x1f{line}" for hh, line in zip(joined["hh"], joined["line"], strict=True)], key=KEY
    )
    house["key"] = keys_of([str(hh) for hh in house["hh"]], key=KEY)
    adults = joined[(joined["age"] >= 15).fillna(False)]
    without = adults[adults["toilet"].isna() | adults["toilet"].eq("none")]
    for code in ("NP", "01", "02"):
        for measure, frame in (("adults", adults), ("adults_without_toilet", without), ("years", adults)):
            here = frame if code == "NP" else frame[frame["district"] == code]
            assert found[(measure, code, "_T")] == (len(here), here["key"].sum())
            for sex in ("F", "M"):
                of = here[here["sex"] == sex]
                assert found[(measure, code, sex)] == (len(of), of["key"].sum())
        here = house if code == "NP" else house[house["district"] == code]
        assert found[("households", code, "_T")] == (len(here), here["key"].sum())


def test_a_later_delivery_with_one_household_more_moves_its_cells_alone(keep):
    house, person = census()
    declared = contract()
    before = lookup(record_keys.sums(declared, store(declared, "a", house, person), MEASURES, key=KEY))
    more = pd.DataFrame({"hh": [9000], "district": ["02"], "toilet": ["flush"]})
    one = pd.DataFrame({"hh": [9000], "line": [1], "sex": ["F"], "age": pd.array([40], "Int64")})
    shuffled = store(
        declared,
        "b",
        pd.concat([more, house.sample(frac=1, random_state=1)], ignore_index=True),
        pd.concat([one, person.sample(frac=1, random_state=2)], ignore_index=True),
    )
    after = lookup(record_keys.sums(declared, shuffled, MEASURES, key=KEY))
    moved = {key for key in before if before[key] != after[key]}
    assert moved == {
        *((m, code, sex) for m in ("adults", "years") for code in ("NP", "02") for sex in ("_T", "F")),
        *(("households", code, "_T") for code in ("NP", "02")),
    }


def test_parts_of_series_by_the_codes_of_releases(keep):
    house, person = census()
    declared = contract()
    stored = store(declared, "a", house, person)
    found = record_keys._of_series(mapping(declared), record_keys.sums(declared, stored, MEASURES, key=KEY))
    parts = found.set_index(["series_code", "role", "place_code", "sex"])["units"]
    assert len(found) == 2 * 3 * 3 + 3
    assert parts["HOUSEHOLDS", "value", "NP", "_T"] == 300
    women = parts["ADULTS_NO_TOILET", "denominator", "NP", "F"]
    assert (
        women + parts["ADULTS_NO_TOILET", "denominator", "NP", "M"]
        == (parts["ADULTS_NO_TOILET", "denominator", "NP", "_T"])
    )
    assert women == ((person["age"] >= 15) & (person["sex"] == "F")).fillna(False).sum()


def test_a_record_without_its_key_in_the_vault_is_refused(keep):
    data = yaml.safe_load(CONTRACT)
    data["columns"]["line"] = {"type": "integer", "role": "personal_identifier", "record": "person"}
    house, person = census(20)
    declared = build(data, sha256="x")
    stored = store(declared, "a", house, person)
    with pytest.raises(StatloomError, match="rows of person are known by line, which the vault has not"):
        record_keys.sums(declared, stored, MEASURES, key=KEY)


@pytest.mark.database
def test_counts_of_a_release_have_the_noise_of_their_respondents(database, monkeypatch, tmp_path):
    """From the vault to the release's draws; and without the delivery in the vault, nothing is released."""
    house, person = census()
    monkeypatch.setenv("STATLOOM_VAULT", str(tmp_path / "vault"))
    declared = contract()
    monkeypatch.setattr(record_keys, "load", lambda source: declared)
    stored = store(declared, "d" * 64, house, person)
    escaped = as_json(declared).replace("'", "''")
    run(
        database.engine,
        "insert into landing.source (source_id, contract, contract_sha256) "
        f"values ('census', '{escaped}', 'x')",
        "insert into landing.delivery (source_id, sha256, size_bytes, file_name, archive_key, fetched_from, "
        f"fetched_by, status) values ('census', '{'d' * 64}', 1, 'c', 'c', 'c', 'c', 'accepted')",
        "insert into places.place_reference (source_id, place_scheme, place_level, place_code, place_name, "
        "place_parent, place_id, method) values "
        "('census', 'S', 'district', '01', '', '', 'NP:district:1', 'exact_code'), "
        "('census', 'S', 'country', 'NP', '', '', 'NP:country:NP', 'exact_code')",
    )
    with database.engine.begin() as connection:
        found = record_keys.of_source(connection, "census", ["ADULTS_NO_TOILET"], key=KEY)
    assert set(found["place_id"]) == {"NP:district:1", "NP:country:NP"}
    sums = lookup(record_keys.sums(declared, stored, MEASURES, key=KEY))
    women = found[(found["place_id"] == "NP:district:1") & (found["sex"] == "F")].set_index("role")
    assert women.loc["denominator", "key_sum"] == sums["adults", "01", "F"][1]
    assert women.loc["numerator", "units"] == sums["adults_without_toilet", "01", "F"][0]
    run(database.engine, f"update landing.delivery set sha256 = '{'e' * 64}' where source_id = 'census'")
    with (
        database.engine.begin() as connection,
        pytest.raises(StatloomError, match="statloom source rebuild census"),
    ):
        record_keys.of_source(connection, "census", ["ADULTS_NO_TOILET"], key=KEY)
