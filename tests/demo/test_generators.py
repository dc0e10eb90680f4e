"""Generators give the same bytes again, from the committed inputs or from a folder of published tables."""

import zipfile
from pathlib import Path

import pytest

from demo.generate import bodies, from_nepal_tables, stable

DELIVERIES = Path(__file__).parents[2] / "demo" / "deliveries"


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
    stable.write_zip(tmp_path / "a.zip", {"b.txt": b"text", "a.txt": b""})
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert [(entry.filename, entry.date_time) for entry in archive.infolist()] == [
            ("b.txt", stable.ZIP_EPOCH),
            ("a.txt", stable.ZIP_EPOCH),
        ]


def test_dhis2_identifiers():
    made = [bodies.dhis2_uid("organisationUnit", f"{number:02d}") for number in range(1, 76)]
    assert len(set(made)) == 75
    assert all(len(uid) == 11 and uid[0].isalpha() and uid.isalnum() for uid in made)
    assert bodies.dhis2_uid("organisationUnit", "NP") == "QHRRoazXaS0"


@pytest.fixture
def tables(tmp_path):
    """A folder of published tables, as far as they can be had back from the deliveries."""
    folder = tmp_path / "tables"
    deliveries = DELIVERIES
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
        assert (into / name).read_bytes() == (DELIVERIES / name).read_bytes()


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
