"""The synthetic microdata through landing: figures as counted and estimated apart, identifiers nowhere."""

import pandas as pd
import pytest
from sqlalchemy import text

from demo.generate import census_sample
from statloom import contracts, landing, settings
from statloom.microdata import vault
from statloom.microdata.survey import Design, Estimand, estimate

FUNCTIONS = ["SEEING", "HEARING", "WALKING", "REMEMBERING", "SELF_CARE", "COMMUNICATING"]
PLACES = {"country": None, "province": "PROVINCE", "district": "DISTRICT", "local_unit": "LOCAL_UNIT"}


def landed(database, source):
    """Fetch and load a delivery of the demo; return contract, sha256, raw rows and what was loaded."""
    contract = contracts.load(source)
    contracts.register(database.engine)
    archive = settings.load().archive
    fetched = landing.fetch(contract, archive=archive, engine=database.engine, run_id=None)
    loaded = landing.load(contract, fetched.delivery_id, engine=database.engine, archive=archive)
    with database.engine.connect() as connection:
        raw = pd.read_sql(text(f"select * from raw.{source}"), connection)
        sha256 = connection.scalar(
            text("select sha256 from landing.delivery where delivery_id = :d"), {"d": fetched.delivery_id}
        )
    return contract, sha256, raw, loaded


def counts(people, homes):
    """Return the census file's measures counted by pandas, in the form of the raw table."""
    age = people["AGE"].astype(int)
    people = people.assign(
        sex=people["SEX"].map({"1": "Male", "2": "Female"}),
        age_group=pd.cut(age, [-1, 14, 64, 98], labels=["0 to 14", "15 to 64", "65 and over"]).astype(str),
        population=1,
        aged_5=age >= 5,
        literacy_stated=(age >= 5) & people["LITERATE"].isin(["1", "2"]),
        literate_persons=people["LITERATE"] == "1",
        school_stated=age.between(5, 25) & people["SCHOOL"].isin(["1", "2", "3"]),
        attending=people["SCHOOL"] == "1",
        disabled=people[FUNCTIONS].isin(["3", "4"]).any(axis=1),
    )
    homes = homes.assign(
        households=1,
        no_toilet=homes["TOILET"] == "3",
        piped_water=homes["DRINKING_WATER"] == "1",
        electric_light=homes["LIGHTING"] == "1",
        with_telephone=homes["MOBILE_PHONE"] == "1",
    )
    of_people = ["population", "aged_5", "literacy_stated", "literate_persons", "school_stated"]
    of_people += ["attending", "disabled"]
    of_homes = ["households", "no_toilet", "piped_water", "electric_light", "with_telephone"]
    found = []
    for frame, measures, breakdowns in (
        (people, of_people, [[], ["sex"], ["age_group"], ["sex", "age_group"]]),
        (homes, of_homes, [[]]),
    ):
        for level, column in PLACES.items():
            place = frame[column] if column else pd.Series("NP", index=frame.index)
            for by in breakdowns:
                sums = (
                    frame[measures]
                    .astype(int)
                    .groupby([place.rename("place_code"), *(frame[b] for b in by)])
                    .sum()
                )
                long = sums.rename_axis(columns="measure").stack().rename("value").reset_index()
                found.append(
                    long.assign(place_level=level, **{b: "_T" for b in ("sex", "age_group") if b not in by})
                )
    return pd.concat(found, ignore_index=True)


def test_tabulated_counts_are_those_of_pandas(database, census_file):
    contract, sha256, raw, loaded = landed(database, "synthetic_census_sample_2021")
    key = list(contract.raw_key)
    mine = raw.set_index(key)["value"].astype(int).sort_index()
    other = counts(census_file["P"], census_file["H"]).set_index(key)["value"].sort_index()
    assert len(mine) > 70_000 and mine.index.is_unique
    pd.testing.assert_series_equal(mine, other, check_dtype=False)
    assert loaded.rows_loaded == len(raw) and loaded.rows_quarantined == 0

    stored = vault.stored(contract, sha256)
    rows = {record: stored.rows(record) for record in stored.records}
    assert rows == {"ward": 6_659, "household": 61_016, "person": 263_912}
    with stored.connect() as connection:
        hashed = connection.execute("select contact_number from household").df()["contact_number"]
        columns = [row[0] for row in connection.execute("describe person").fetchall()]
    numbers = census_file["H"]["CONTACT_NUMBER"]
    assert not set(hashed) & set(numbers) and hashed.nunique() == numbers.nunique()
    assert "name" not in columns and "age" in columns
    for file in settings.load().home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"Nobody" not in content and numbers.iloc[0].encode() not in content, file


def test_estimates_are_those_of_the_files(database, survey_files):
    _, _, raw, loaded = landed(database, "synthetic_household_survey_2021")
    assert loaded.rows_quarantined == 0 and raw["estimand"].nunique() == 27
    households, persons = survey_files["households"][0], survey_files["persons"][0]
    persons = persons.merge(households.drop(columns=["phone", "head_literate"]), on="household_id")
    made = estimate(
        persons.drop(columns="name"),
        Design("weight", strata="stratum", psu="psu"),
        [
            Estimand("literacy", "proportion", "literate = 1", where="age >= 5"),
            Estimand("toilet_none", "proportion", "toilet = 3", where="line = 1"),
            Estimand("gini", "gini", "consumption"),
        ],
        by=[[], ["province"]],
    )
    whole = raw[(raw["sex"] == "_T") & (raw["urban_rural"] == "_T")]
    compared = 0
    for row in made.itertuples():
        code = "NP" if pd.isna(row.province) else str(int(row.province))
        here = whole[(whole["place_code"] == code) & (whole["estimand"] == row.estimand)]
        level = "country" if code == "NP" else "province"
        here = here[here["place_level"] == level].iloc[0]
        assert here["value"] == pytest.approx(100 * row.estimate, rel=1e-9)
        assert here["standard_error"] == pytest.approx(100 * row.se, rel=1e-9)
        assert here["respondents"] == row.n
        compared += 1
    assert compared == 24
    households_counted = whole[(whole["estimand"] == "toilet_none") & (whole["place_level"] == "country")]
    assert households_counted["respondents"].item() == len(households)


def test_the_census_file_declares_as_many_households_as_it_has(census_file):
    assert census_sample.STEP * len(census_file["H"]) == pytest.approx(6_711_749, abs=census_sample.STEP)
