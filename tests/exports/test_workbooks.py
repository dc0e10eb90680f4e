"""Excel workbooks, read by openpyxl and opened by LibreOffice where it is."""

import datetime
import os
import shutil
import subprocess
import zipfile

import openpyxl
import pytest

from statloom.exports import workbooks
from tests.exports import portal_sample as sample

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workbooks")
    figures, _, _ = sample.release(folder)
    return folder, workbooks.write(folder, sample.ABOUT, figures, ["country", "province"])


def cells(sheet) -> list[list]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_a_workbook_for_each_goal_and_each_place_of_the_levels(made):
    folder, written = made
    assert sorted(path.relative_to(folder / "workbooks").as_posix() for path in written) == [
        "goals/6.xlsx", "places/country/XX.xlsx", "places/province/1.xlsx", "places/province/2.xlsx",
    ]  # fmt: skip


def test_a_goal_has_a_sheet_for_each_series_with_places_by_period(made):
    book = openpyxl.load_workbook(made[0] / "workbooks" / "goals" / "6.xlsx")
    assert book.sheetnames == ["Contents", "X_WATER", "X_TOILET", "X_WELLS", "Notes", "Sources"]
    sheet = book["X_WATER"]
    rows = cells(sheet)
    assert (rows[0][0], rows[1][0]) == ("Water", "पानी")
    head = next(number for number, row in enumerate(rows) if row[4] == "2011")
    assert rows[head][4:] == [
        "2011", "2011 se", "2011 cv", "2021", "2021 se", "2021 cv",
    ]  # fmt: skip
    nation = rows[head + 1]
    assert nation[:4] == ["XX", "Xland", "क्षल्याण्ड", "country"]
    assert nation[4:] == [40.0, 2.0, 2 / 40, 40 + 35 / 4, 2.0, pytest.approx(2 / 48.75)]
    unit = next(row for row in rows if row[0] == "22")
    assert unit[7] == "…"  # left out
    assert sheet.freeze_panes == f"C{head + 2}"
    assert sheet["G" + str(head + 2)].number_format == "0.0%"
    divided = [row[:2] for row in rows if row[0] in ("Female", "Male", "Total")]
    assert divided == [["Total", "जम्मा"], ["Female", "महिला"], ["Male", "Male"]]


def test_a_profile_has_all_figures_of_its_place(made):
    book = openpyxl.load_workbook(made[0] / "workbooks" / "places" / "province" / "2.xlsx")
    assert book.sheetnames == ["Contents", "Goal 6", "Notes", "Sources"]
    rows = cells(book["Goal 6"])
    wanted = [
        row
        for _, listed in sample.series().values()
        for row in listed
        if row["place_id"] == "V:province:2" and row["preferred"]
    ]
    values = [row[5] for row in rows if isinstance(row[5], float | int)]
    assert sorted(values) == sorted(row["value"] for row in wanted)
    links = [cell.hyperlink.location for cell in book["Contents"]["A"] if cell.hyperlink]
    assert links == ["'Goal 6'!A1", "'Notes'!A1", "'Sources'!A1"]


def test_no_text_is_a_formula_and_properties_are_the_releases(made):
    for path in made[1]:
        book = openpyxl.load_workbook(path)
        for sheet in book:
            assert not [c.coordinate for row in sheet.iter_rows() for c in row if c.data_type == "f"]
        assert book.properties.created == datetime.datetime(2026, 11, 5)
    sources = [cell.value for cell in openpyxl.load_workbook(made[1][0])["Sources"]["B"]]
    assert "'=cmd|' /C calc'!A0" in sources
    assert cells(
        openpyxl.load_workbook(made[0] / "workbooks" / "places" / "province" / "2.xlsx")["Contents"]
    )[0][0].startswith("'=Second")


def test_the_same_figures_give_the_same_bytes(made, tmp_path):
    figures, _, _ = sample.release(tmp_path / "again")
    again = workbooks.write(tmp_path / "again", sample.ABOUT, figures, ["country", "province"])
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in made[1]]
    with zipfile.ZipFile(again[0]) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


@pytest.mark.skipif(SOFFICE is None, reason="no LibreOffice on this machine")
def test_libreoffice_opens_a_workbook_and_reads_the_same_figures(made, tmp_path):
    path = made[0] / "workbooks" / "goals" / "6.xlsx"
    # Sheet 2, as it is shown (no formulas), separated by commas.
    answer = subprocess.run(
        [
            SOFFICE, "--headless", f"-env:UserInstallation=file://{tmp_path}/profile", "--convert-to",
            "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,2", "--outdir",
            str(tmp_path), str(path),
        ],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    (read,) = tmp_path.glob("*.csv")
    lines = read.read_text(encoding="utf-8").splitlines()
    assert "Water" in lines[0], answer.stderr
    plain = [line.replace('"', "") for line in lines]
    assert any(line.startswith("XX,Xland,क्षल्याण्ड,country,40,2,5%,48.75,2,4.1025") for line in plain)
