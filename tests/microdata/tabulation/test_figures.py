"""A census with households and persons: from its contract to the cells in the raw table."""

import copy
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from sqlalchemy import text

from statloom import landing
from statloom.contracts import series
from statloom.contracts.loading import build, load_file
from statloom.errors import ContractError, DeliveryError

CONTRACT = yaml.safe_load("""
source: census
title: {en: Census}
custodian: Office
owner: a@b.example
kind: census
synthetic: true
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
  phone: {role: personal_identifier, record: household}
  line: {type: integer, role: key, record: person}
  name: {role: personal_identifier, record: person}
  card: {role: personal_identifier, record: person, pseudonymise: true}
  sex: {role: dimension, record: person, categories: [F, M]}
  age: {type: integer, role: measure, record: person, required: false}
place: {scheme: NP-CENSUS-2011, date: "2011-06-22", code: NP}
period: {type: year, value: "2011"}
tabulation:
  record: person
  populations:
    adults: age >= 15
  denominators:
    persons:
    adults: {population: adults}
    households: {record: household}
  numerators:
    adults_without_toilet: {population: adults, expression: "toilet = 'none'"}
    households_without_toilet: {record: household, expression: "toilet = 'none'"}
  breakdowns:
    sex: {expression: sex, categories: [F, M]}
    facility: {expression: toilet, categories: [flush, none]}
  by: [[], [sex], [facility]]
series:
  - series: ADULTS_NO_TOILET
    numerator: {measure: adults_without_toilet}
    denominator: {measure: adults}
    breakdown: {SEX: {column: sex, codes: {F: F, M: M}}}
  - series: HOUSEHOLDS
    value: {measure: households}
""")


@pytest.fixture
def census(tmp_path):
    """The delivery: 400 households in two districts, their persons; (contract, households, persons)."""
    draw = np.random.default_rng(3)
    households = pd.DataFrame(
        {
            "hh": range(400),
            "district": draw.choice(["01", "02"], 400),
            "toilet": draw.choice(["flush", "none"], 400),
            "phone": [f"98{number:08}" for number in range(400)],
        }
    )
    size = draw.integers(1, 6, 400)
    persons = pd.DataFrame({"hh": np.repeat(range(400), size)})
    persons["line"] = persons.groupby("hh").cumcount() + 1
    persons["name"] = [f"Secret {number}" for number in range(len(persons))]
    persons["card"] = [f"{number:06}" for number in range(len(persons))]
    persons["sex"] = draw.choice(["F", "M"], len(persons))
    persons["age"] = pd.array(draw.integers(0, 90, len(persons)), "Int64")
    persons.loc[::17, "age"] = pd.NA
    households.to_csv(tmp_path / "household.csv", index=False)
    persons.to_csv(tmp_path / "person.csv", index=False)
    data = copy.deepcopy(CONTRACT)
    data["connector"] = {
        "type": "file",
        "url": str(tmp_path / "household.csv"),
        "beside": [str(tmp_path / "person.csv")],
    }
    return data, households, persons


@pytest.mark.database
def test_cells_of_households_and_persons_enter_the_raw_table_and_nothing_else(
    census, database, tmp_path, monkeypatch
):
    data, households, persons = census
    monkeypatch.setenv("STATLOOM_VAULT", str(tmp_path / "vault"))
    contract, archive = build(data, sha256="x"), str(tmp_path / "archive")
    fetched = landing.fetch(contract, archive=archive, engine=database.engine, run_id=None)
    loaded = landing.load(contract, fetched.delivery_id, engine=database.engine, archive=archive)
    rows = pd.read_sql(text("select * from raw.census order by _row_number"), database.engine)
    assert list(rows.columns)[:7] == [
        *("place_level", "place_code", "measure", "facility", "sex"),
        *("value", "respondents"),
    ]
    assert len(rows) == loaded.rows_loaded and list(rows["_row_number"]) == list(range(1, len(rows) + 1))
    found = rows.set_index(["measure", "place_code", "facility", "sex"])["value"].astype(float).to_dict()
    joined = persons.merge(households, on="hh")
    adults = joined[(joined["age"] >= 15).fillna(False)]
    without = adults[adults["toilet"] == "none"]
    expected = {}
    for code in ("NP", "01", "02"):

        def here(frame, code=code):
            return frame if code == "NP" else frame[frame["district"] == code]

        for name, frame in (("persons", joined), ("adults", adults), ("adults_without_toilet", without)):
            expected[(name, code, "_T", "_T")] = len(here(frame))
            for sex in ("F", "M"):
                expected[(name, code, "_T", sex)] = (here(frame)["sex"] == sex).sum()
            for facility in ("flush", "none"):
                expected[(name, code, facility, "_T")] = (here(frame)["toilet"] == facility).sum()
        # Households have no sex: their cells are of its total alone.
        none = households[households["toilet"] == "none"]
        for name, frame in (("households", households), ("households_without_toilet", none)):
            expected[(name, code, "_T", "_T")] = len(here(frame))
            for facility in ("flush", "none"):
                expected[(name, code, facility, "_T")] = (here(frame)["toilet"] == facility).sum()
    assert found == expected
    assert (rows["value"].astype(float) == rows["respondents"]).all()
    # The landing has placed the cells like any source's rows.
    with database.engine.connect() as connection:
        assert connection.scalar(text("select count(place_id) from places.place_reference")) == 3


def test_a_series_takes_cells_as_they_are_and_adds_nothing_up(census):
    rows = series.mapping(build(census[0], sha256="x"))
    by_role = {(row["series_code"], row["role"]): row for row in rows}
    assert len(rows) == len(by_role) == 3
    numerator = by_role["ADULTS_NO_TOILET", "numerator"]
    assert numerator["measure"] == "value"
    assert yaml.safe_load(numerator["categories"]) == {"measure": "adults_without_toilet", "facility": "_T"}
    assert yaml.safe_load(numerator["breakdown"]) == {
        "sex": {"column": "sex", "codes": {"F": "F", "M": "M", "_T": "_T"}}
    }
    value = by_role["HOUSEHOLDS", "value"]
    assert yaml.safe_load(value["categories"]) == {"measure": "households", "facility": "_T", "sex": "_T"}


@pytest.mark.database
def test_a_category_that_is_not_declared_stops_the_delivery(census, database, tmp_path, monkeypatch):
    data = census[0]
    monkeypatch.setenv("STATLOOM_VAULT", str(tmp_path / "vault"))
    data["tabulation"]["breakdowns"]["facility"]["expression"] = "toilet || '!'"
    contract, archive = build(data, sha256="x"), str(tmp_path / "archive")
    fetched = landing.fetch(contract, archive=archive, engine=database.engine, run_id=None)
    with pytest.raises(
        DeliveryError, match=r"census: .*breakdown facility: [0-9,]+ units have 'flush!', no declared"
    ):
        landing.load(contract, fetched.delivery_id, engine=database.engine, archive=archive)
    with database.engine.connect() as connection:
        assert connection.scalar(text("select count(*) from raw.census")) == 0


def refused(tmp_path, change):
    data = copy.deepcopy(CONTRACT)
    change(data["tabulation"])
    (tmp_path / "census.yml").write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    with pytest.raises(ContractError) as error:
        load_file(tmp_path / "census.yml")
    wanted = (tmp_path / "census.yml").read_text().splitlines()
    message = str(error.value)
    line = int(message.split("line ")[1].split(",")[0])
    return message, wanted[line - 1].strip()


@pytest.mark.parametrize(
    ("part", "name", "expression", "reason"),
    [
        ("numerators", "adults_without_toilet", "hous = 1", "unknown column 'hous'"),
        ("numerators", "adults_without_toilet", "name = 'x'", "column 'name' is dropped"),
        ("numerators", "adults_without_toilet", "true; drop table person", "second statement"),
        ("numerators", "adults_without_toilet", "read_csv('x')", r"function read_csv\(\) is not allowed"),
        ("numerators", "adults_without_toilet", "age > (select 1)", "a subquery is not allowed"),
        ("numerators", "adults_without_toilet", "true -- and sex = 'F'", "comments are not allowed"),
        ("numerators", "adults_without_toilet", "median(age)", "not additive"),
        ("numerators", "adults_without_toilet", "sex", "a condition .* or a number .* is needed, not a text"),
        ("numerators", "households_without_toilet", "age > 1", "'age' belongs to another record"),
        ("populations", "adults", "age", "a condition is needed, not a integer|a condition is needed"),
        ("populations", "adults", "phone = '1'", "column 'phone' is dropped"),
        ("breakdowns", "sex", "age / 2", "a text, a whole number or a condition"),
        ("breakdowns", "sex", "secs", "unknown column 'secs'"),
        (
            "breakdowns",
            "sex",
            "substring(card, 1, 1)",
            "'card' is a personal identifier: it makes no category",
        ),
    ],
)
def test_an_expression_that_is_refused_is_named_with_the_contracts_line(
    tmp_path, part, name, expression, reason
):
    def change(tabulation):
        given = tabulation[part][name]
        if isinstance(given, dict):
            given["expression"] = expression
        else:
            tabulation[part][name] = expression

    message, line = refused(tmp_path, change)
    assert re.search(reason, message), message
    assert message.startswith(f"{tmp_path}/census.yml, line ")
    # The line that the message names is the one on which the expression stands.
    assert line.startswith(("expression:", f"{name}:")) and expression.split("'")[0].strip() in line


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.update(record="persons"), "no record 'persons'; did you mean 'person'"),
        (lambda t: t["numerators"].update(adults=None), "the name 'adults' is taken"),
        (lambda t: t["numerators"].update(value=None), "the name 'value' is taken"),
        (lambda t: t["denominators"]["adults"].update(population="adult"), "no population 'adult'"),
        (lambda t: t["by"].append(["sexes"]), "no breakdown 'sexes'; did you mean 'sex'"),
        (lambda t: t["by"].append(["sex", "sex"]), "'sex' is given twice"),
        (lambda t: t.update(places={"district": "districts"}), "unknown column 'districts'"),
        (lambda t: t.update(weight="sex"), "a number is needed, not a text"),
        (lambda t: t.update(measures=[]), "not a known key"),
        (lambda t: (t.pop("numerators"), t.pop("denominators")), "needs 'numerators' or 'denominators'"),
    ],
)
def test_a_tabulation_that_does_not_fit_together_is_refused(tmp_path, change, reason):
    message, _ = refused(tmp_path, change)
    assert reason in message and ", line " in message
