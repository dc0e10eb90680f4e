"""Generators give the same bytes again, from the committed inputs or from a folder of published tables."""

import zipfile

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from demo.generate import bodies, from_nepal_tables, household_survey, stable


@pytest.fixture(scope="module")
def survey():
    return pyreadstat.read_dta(household_survey.DELIVERY)


def test_the_committed_survey_is_what_the_generator_makes(tmp_path):
    again = tmp_path / "again" / household_survey.DELIVERY.name
    household_survey.main(["--into", str(again)])
    assert again.read_bytes() == household_survey.DELIVERY.read_bytes()
    other = tmp_path / "other.dta"
    household_survey.write(other, seed=1)
    assert other.read_bytes() != again.read_bytes()


def test_the_survey_says_that_it_is_synthetic(survey):
    _, meta = survey
    assert meta.file_label.startswith("SYNTHETIC")
    assert household_survey.DELIVERY.name.startswith("synthetic_")
    assert meta.column_names_to_labels == household_survey.LABELS
    assert meta.variable_value_labels["toilet"] == {1: "Flush toilet", 2: "Ordinary toilet", 3: "No toilet"}


def test_design_of_the_survey(survey):
    data, _ = survey
    assert data["psu"].nunique() == 250 and data["stratum"].nunique() == 15
    assert data.groupby("psu")[["stratum", "weight", "local_unit"]].nunique().max().max() == 1
    assert data.groupby("psu").size().between(10, 20).all()
    assert data.groupby("stratum")["psu"].nunique().min() >= 8
    assert data["household_id"].is_unique and data["phone"].is_unique
    assert 4_700 <= len(data) <= 5_000


def test_weights_expand_to_the_households_of_each_stratum(survey):
    data, _ = survey
    frame = pd.read_csv(household_survey.FRAME, dtype={"local_unit": str, "district": str})
    assert set(data["local_unit"]) <= set(frame["local_unit"])
    by_unit = frame.set_index("local_unit")["province"]
    assert (data["local_unit"].map(by_unit) == data["province"]).all()
    households = frame["population"].sum() / 4.4
    assert data["weight"].sum() == pytest.approx(households, rel=0.03)


def test_shares_follow_the_census_of_their_places(survey):
    data, _ = survey
    frame = pd.read_csv(household_survey.FRAME, dtype={"local_unit": str}).set_index("local_unit")
    by_psu = data.assign(flush=data["toilet"] == 1).groupby("local_unit")["flush"].mean()
    assert np.corrcoef(by_psu, frame.loc[by_psu.index, "toilet_FLUSH_TOILET"])[0, 1] > 0.5
    without = np.average(data["toilet"] == 3, weights=data["weight"])
    assert 0.02 < without < np.average(frame["toilet_NO_TOILET"], weights=frame["population"]) / 2


def test_households_of_a_ward_are_alike(survey):
    """A sample of single households would have a design effect near 1; this one must not."""
    data, _ = survey
    y, w = (data["cooking_fuel"] == 1).astype(float), data["weight"]
    p = np.average(y, weights=w)
    of_psu = ((y - p) * w).groupby([data["stratum"], data["psu"]]).sum()
    variance = sum(len(g) / (len(g) - 1) * ((g - g.mean()) ** 2).sum() for _, g in of_psu.groupby(level=0))
    assert variance / w.sum() ** 2 / (p * (1 - p) / len(data)) > 1.5


def test_identifiers_are_invented(survey):
    data, _ = survey
    assert data["phone"].str.fullmatch("900[0-9]{7}").all()
    names = {name for given in household_survey.GIVEN_NAMES.values() for name in given}
    assert set(data["head_name"].str.split().str[0]) <= names


def test_writers_leave_no_clock_behind(tmp_path, monkeypatch):
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.active.append(["a", 1])
    stable.write_workbook(tmp_path / "a.xlsx", workbook)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {stable.ZIP_EPOCH}
        assert b"2023-06-20T00:00:00Z" in archive.read("docProps/core.xml")
    stable.write_gzip(tmp_path / "a.gz", b"text")
    assert (tmp_path / "a.gz").read_bytes()[3:8] == b"\0\0\0\0\0"


def test_dhis2_identifiers():
    made = [bodies.dhis2_uid("organisationUnit", f"{number:02d}") for number in range(1, 76)]
    assert len(set(made)) == 75
    assert all(len(uid) == 11 and uid[0].isalpha() and uid.isalnum() for uid in made)
    assert bodies.dhis2_uid("organisationUnit", "NP") == "QHRRoazXaS0"


@pytest.fixture
def tables(tmp_path):
    """A folder of published tables, as far as they can be had back from the deliveries."""
    folder = tmp_path / "tables"
    deliveries = household_survey.DELIVERY.parents[1]
    for name in ("census_2011", "census_2021", "mis_health", "mis_education", "mis_other", "places"):
        (folder / name).mkdir(parents=True)
    for topic, table in from_nepal_tables.CENSUS_2011.items():
        (folder / "census_2011" / f"{table}.csv").write_bytes(
            (deliveries / "census_2011" / f"{topic}.csv").read_bytes()
        )
    for name, table in from_nepal_tables.DISTRICT_TABLES.items():
        (folder / "mis_other" / f"{table}.csv").write_bytes((deliveries / name / f"{name}.csv").read_bytes())
    return folder


def test_the_census_is_carried_over_byte_for_byte(tables, tmp_path):
    into = tmp_path / "deliveries"
    from_nepal_tables.write_census_2011(tables, into)
    from_nepal_tables.write_district_tables(tables, into)
    made = sorted(file.relative_to(into) for file in into.rglob("*.csv"))
    assert len(made) == 24
    for name in made:
        assert (into / name).read_bytes() == (household_survey.DELIVERY.parents[1] / name).read_bytes()


def test_poverty_is_written_from_its_long_table(tables, tmp_path):
    (tables / "mis_other" / "poverty.csv").write_text(
        "geo_level,total,poverty,geo_code\ncountry,25,IN_POVERTY,NP\ncountry,75,NOT_IN_POVERTY,NP\n"
        "district,25,IN_POVERTY,01\ndistrict,75,NOT_IN_POVERTY,01\n"
    )
    (tables / "places" / "districts_and_vdcs_2011.csv").write_text(
        "name,geo_code,year,parent_level,long_name,geo_level,parent_code\n"
        "Tehrathum,01,2016,country,Tehrathum,district,NP\n"
    )
    (tables / "places" / "districts_75_en_ne.csv").write_text(
        "district_code,district_name_english,district_name_nepali\n8,Terhathum,तेह्रथुम\n"
    )
    from_nepal_tables.write_poverty(tables, tmp_path)
    assert (tmp_path / "poverty" / "poverty.csv").read_bytes().decode("utf-8-sig") == (
        "district_code;district;poor;not_poor;poverty_rate\r\nNP;Nepal;25;75;25,00\r\n1;Terhathum;25;75;25,00\r\n"
    )


def test_a_district_without_a_name_is_an_error(tables):
    (tables / "places" / "districts_and_vdcs_2011.csv").write_text(
        "name,geo_code,geo_level\nNowhere,01,district\n"
    )
    (tables / "places" / "districts_75_en_ne.csv").write_text(
        "district_code,district_name_english\n8,Terhathum\n"
    )
    with pytest.raises(ValueError, match="01"):
        from_nepal_tables.district_names(tables)
