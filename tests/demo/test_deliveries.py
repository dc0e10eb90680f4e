"""The deliveries carry the published figures, their defects included."""

import gzip
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

DELIVERIES = Path(__file__).parents[2] / "demo" / "deliveries"
CENSUS = sorted((DELIVERIES / "census_2011").glob("*.csv"))
SEMICOLONS = {"sep": ";", "decimal": ",", "encoding": "utf-8-sig"}


def census(topic):
    return pd.read_csv(
        DELIVERIES / "census_2011" / f"{topic}.csv",
        dtype={"geo_code": str},
        keep_default_na=False,
    )


def by_level(frame):
    return frame.groupby("geo_level")["total"].sum().to_dict()


def population():
    return pd.read_excel(
        DELIVERIES / "census_2021" / "population.xlsx",
        header=None,
        names=["code", "area", "level", "total", "male", "female"],
        skiprows=5,
        nrows=838,
    )


def test_eighteen_census_topics_of_plain_text():
    assert len(CENSUS) == 18
    for file in CENSUS:
        content = file.read_bytes()
        assert content.isascii() or content.decode()
        assert b"\r" not in content and not content.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("file", CENSUS, ids=lambda file: file.stem)
def test_every_key_of_a_census_table_stands_once(file):
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    assert not frame.duplicated([column for column in frame.columns if column != "total"]).any()
    assert frame["total"].str.fullmatch("[0-9]+").all()


def test_no_toilet():
    toilet = census("toilet")
    assert by_level(toilet[toilet["toilet_type"] == "NO_TOILET"]) == {
        "country": 2_069_812,
        "district": 2_069_812,
        "vdc": 2_066_102,
    }


@pytest.mark.parametrize(
    "topic",
    [
        "toilet",
        "drinking_water",
        "lighting",
        "cooking_fuel",
        "home_ownership",
        "foundation",
        "outer_wall",
        "roof",
    ],
)
def test_household_topics_have_the_same_households(topic):
    assert by_level(census(topic)) == {"country": 5_423_297, "district": 5_423_297, "vdc": 5_417_222}


def test_population_of_the_disability_table():
    disability = census("disability")
    nation = disability[disability["geo_level"] == "country"].groupby("sex")["total"].sum().to_dict()
    assert nation == {"female": 13_645_463, "male": 12_849_041}
    assert by_level(disability) == {
        "country": 26_494_504,
        "district": 26_494_504,
        "vdc": 26_494_504 - 276_744,
    }


def test_the_age_table_has_1417_women_fewer():
    age = census("age")
    for level in ("country", "district"):
        found = age[age["geo_level"] == level].groupby("sex")["total"].sum().to_dict()
        assert found == {"female": 13_645_463 - 1_417, "male": 12_849_041}


def test_religion_of_the_nation_is_shifted_by_one_label_and_the_districts_are_not():
    religion = census("religion")
    found = religion.groupby(["geo_level", "religion"])["total"].sum()
    assert found["country", "Hindu"] == 26_494_504
    assert found["country", "Bouddha"] == found["district", "Hindu"]
    assert found["district"].sum() == 26_494_504
    assert found["district", "Undefined"] == 61_581
    assert 61_581 not in found["country"].to_list()


@pytest.mark.parametrize("topic", ["caste", "citizenship", "language"])
def test_district_topics_add_up_to_the_nation(topic):
    assert by_level(census(topic)) == {"country": 26_494_504, "district": 26_494_504}


def test_vdcs_that_are_missing():
    everywhere = {"871", "919", "920"}
    listed = {str(number) for number in range(1, 3983)}
    for topic, count in {"toilet": 3_965, "disability": 3_979, "school_attendance": 3_964}.items():
        frame = census(topic)
        found = set(frame.loc[frame["geo_level"] == "vdc", "geo_code"])
        assert len(found) == count and found <= listed
        assert everywhere <= listed - found


def test_the_workbook_looks_like_one():
    sheet = openpyxl.load_workbook(DELIVERIES / "census_2021" / "population.xlsx").active
    assert {str(cells) for cells in sheet.merged_cells.ranges} >= {"A1:F1", "A4:A5", "C4:C5", "D4:F4"}
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[3] == ("Code", "Area", "Level", "Population", None, None)
    assert rows[4] == (None, None, None, "Total", "Male", "Female")
    assert rows[5] == ("NP", "Nepal", "Country", 29_192_480, 14_291_311, 14_901_169)
    assert rows[-3] == (None,) * 6
    assert rows[-2][0].startswith("Source:") and rows[-2][1:] == (None,) * 5


def test_population_of_2021_by_level():
    frame = population()
    assert frame.groupby("level")["total"].agg(["size", "sum"]).to_dict("index") == {
        "Country": {"size": 1, "sum": 29_192_480},
        "Province": {"size": 7, "sum": 29_192_480},
        "District": {"size": 77, "sum": 29_192_480 - 117_490},
        "Local unit": {"size": 753, "sum": 29_192_480 - 117_490},
    }
    assert (frame["male"] + frame["female"] == frame["total"]).all()


def test_codes_of_the_workbook_have_lost_their_zeros_and_names_30_to_36_are_shifted():
    frame = population()
    districts = frame[frame["level"] == "District"].set_index("code")
    assert set(districts.index) == set(range(1, 78))
    assert list(districts.loc[[30, 35, 36], "area"]) == ["Kailali", "Kathmandu", "Kavrepalanchowk"]
    assert districts.loc[36, "total"] == 1_988_606
    assert (frame["code"] == 1).sum() == 2


def test_poverty_and_safe_water():
    poverty = pd.read_csv(DELIVERIES / "poverty" / "poverty.csv", **SEMICOLONS, dtype={"district_code": str})
    water = pd.read_csv(
        DELIVERIES / "safe_water" / "safe_water.csv", **SEMICOLONS, dtype={"district_code": str}
    )
    assert list(poverty["district_code"]) == ["NP", *map(str, range(1, 76))]
    assert list(water["district_code"]) == ["NP", *(f"{number:02d}" for number in range(1, 76))]
    for frame, part, rest, rate in (
        (poverty, "poor", "not_poor", "poverty_rate"),
        (water, "safe_water", "no_safe_water", "safe_water_rate"),
    ):
        assert frame[[part, rest]].iloc[1:].sum().to_list() == frame[[part, rest]].iloc[0].to_list()
        assert frame[part][0] + frame[rest][0] == 26_187_059
        assert (100 * frame[part] / (frame[part] + frame[rest]) - frame[rate]).abs().max() < 0.0051
    assert poverty["poor"][0] == 6_149_802 and water["safe_water"][0] == 21_846_383
    assert "Terhathum" in set(poverty["district"])


@pytest.mark.parametrize("name", ["poverty/poverty.csv", "safe_water/safe_water.csv"])
def test_spreadsheet_exports_have_bom_semicolons_and_carriage_returns(name):
    content = (DELIVERIES / name).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    lines = content.decode("utf-8-sig").split("\r\n")
    assert lines[-1] == "" and all(line.count(";") == 4 for line in lines[:-1])
    assert "," in lines[1]


def test_companies_stand_under_bikram_sambat_years():
    file = DELIVERIES / "companies" / "registered_companies.csv.gz"
    # no file name and no time in the header of the gzip file
    assert file.read_bytes()[3:8] == b"\0\0\0\0\0"
    with gzip.open(file) as stream:
        frame = pd.read_csv(stream, dtype={"geo_code": str})
    assert by_level(frame) == {"country": 143_420, "district": 143_420}
    assert (frame["year"].min(), frame["year"].max()) == (2003, 2072)
    assert len(frame) == 21_280 and (frame["total"] == 0).sum() == 18_463


@pytest.mark.parametrize(
    ("name", "column", "nation"),
    [
        ("aid", "amount", 685_815_385),
        ("land_use", "total", 144_051),
        ("livestock", "total", 94_572_590),
        ("voters", "total", 14_054_482),
    ],
)
def test_counts_of_other_bodies_add_up(name, column, nation):
    frame = pd.read_csv(DELIVERIES / name / f"{name}.csv", dtype={"geo_code": str})
    assert frame.groupby("geo_level")[column].sum().to_dict() == {"country": nation, "district": nation}
    assert frame["geo_code"].nunique() == 76


@pytest.mark.parametrize(
    ("name", "column", "nation"), [("income", "income", 1_160), ("life_expectancy", "years", 68.8)]
)
def test_means_of_other_bodies(name, column, nation):
    frame = pd.read_csv(DELIVERIES / name / f"{name}.csv", dtype={"geo_code": str}).set_index("geo_code")
    assert frame.loc["NP", column] == nation and len(frame) == 76


def test_the_notes_name_every_delivery_and_no_other():
    notes = (DELIVERIES.parent / "README.md").read_text(encoding="utf-8")
    files = {str(file.relative_to(DELIVERIES)) for file in DELIVERIES.rglob("*") if file.is_file()}
    named = {
        line.split("`")[1]
        for line in notes.splitlines()
        if line.startswith("| `") and "/" in line.split("`")[1]
    }
    assert files <= named
    assert {
        name for name in named if (DELIVERIES / name).suffix in (".csv", ".gz", ".xlsx", ".dta", ".zip")
    } == files
