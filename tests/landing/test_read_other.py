"""Workbooks, JSON, Stata files and the answers of a DHIS2 server."""

import json
import zipfile

import openpyxl
import pandas as pd
import pyreadstat
import pytest

from statloom.errors import DeliveryError
from statloom.landing import read
from tests.landing.conftest import COLUMNS, make_contract


def refused(contract, path):
    with pytest.raises(DeliveryError) as caught:
        read(contract, path)
    return str(caught.value)


@pytest.fixture
def workbook(tmp_path):
    """A workbook with two title rows, a merged header and notes below: return its path after a change."""

    def written(change=lambda sheet: None):
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "Table 1"
        sheet.append(["Population by sex"])
        sheet.append(["Census"])
        sheet.append(["Level", "Code", None, "Population", None])
        sheet.append([None, None, "Remark", "Male", "Female"])
        sheet.merge_cells("A3:A4")
        sheet.merge_cells("B3:B4")
        sheet.merge_cells("D3:E3")
        sheet.append(["country", "NP", None, 10.0, 12])
        sheet.append(["district", 1, None, 10, "12"])
        sheet.append([])
        sheet.append(["Source: census"])
        change(sheet)
        path = tmp_path / "book.xlsx"
        book.save(path)
        return path

    return written


EXCEL = make_contract(
    format={
        "type": "excel",
        "sheet": "Table 1",
        "header_rows": [3, 4],
        "stop_at_blank": True,
        "rename": {"Level": "level", "Code": "code", "Remark": "remark"},
        "unpivot": {
            "columns": {"Population / Male": "male", "Population / Female": "female"},
            "name": "sex",
            "value": "total",
        },
    },
    columns={
        "level": COLUMNS["level"],
        "code": COLUMNS["code"],
        "remark": {"role": "ignored"},
        "sex": {"role": "dimension", "categories": ["male", "female"]},
        "total": COLUMNS["total"],
    },
    key=["level", "code", "sex"],
)


def test_a_workbook_with_merged_headers_is_unpivoted_row_by_row(workbook):
    reading = read(EXCEL, workbook())
    assert reading.rows_read == 4
    assert reading.table.to_pylist() == [
        {"level": "country", "code": "NP", "sex": "male", "total": 10, "_row_number": 5},
        {"level": "country", "code": "NP", "sex": "female", "total": 12, "_row_number": 5},
        {"level": "district", "code": "1", "sex": "male", "total": 10, "_row_number": 6},
        {"level": "district", "code": "1", "sex": "female", "total": 12, "_row_number": 6},
    ]


def test_bad_workbooks(workbook, tmp_path, delivery, monkeypatch):
    assert "row 6, column total: '#REF!' is not an integer" in refused(
        EXCEL, workbook(lambda sheet: sheet.__setitem__("E6", "#REF!"))
    )
    renamed = refused(EXCEL, workbook(lambda sheet: sheet.__setitem__("E4", "Females")))
    assert "column 'Population / Female' is missing, probably renamed to 'Population / Females'" in renamed
    assert "no sheet 'Table 1'; the workbook has 'Sheet'" in refused(
        EXCEL, workbook(lambda sheet: setattr(sheet, "title", "Sheet"))
    )
    assert "row 6: cells below an empty header, in column 6" in refused(
        EXCEL, workbook(lambda sheet: sheet.__setitem__("F6", 3))
    )
    whole = workbook().read_bytes()
    assert "damaged or truncated" in refused(EXCEL, delivery(whole[:-300], "cut.xlsx"))
    assert "not an Excel workbook" in refused(EXCEL, delivery("level,code\n", "book.xlsx"))
    assert "an old Excel file (.xls)" in refused(
        EXCEL, delivery(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "a.xls")
    )
    assert "an HTML page" in refused(EXCEL, delivery("<html><body>", "a.xlsx"))
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (60 << 20))
    assert "refused as a zip bomb" in refused(EXCEL, bomb)
    monkeypatch.setenv("STATLOOM_MAXIMUM_BYTES", "20000000")
    assert "more than the limit" in refused(EXCEL, bomb)


def test_xml_entities_in_a_workbook_are_not_expanded(workbook, tmp_path):
    evil = tmp_path / "evil.xlsx"
    entities = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
        f"<!ENTITY {n} '{('&' + m + ';') * 10}'>" for m, n in zip("abcdefghi", "bcdefghij", strict=True)
    )
    with zipfile.ZipFile(workbook()) as good, zipfile.ZipFile(evil, "w") as out:
        for item in good.infolist():
            content = good.read(item)
            if item.filename.endswith("sheet1.xml"):
                content = (
                    f"<?xml version='1.0'?>{entities}]>" + content.decode().split("?>", 1)[-1]
                ).encode()
                content = content.replace(b"<v>10</v>", b"<v>&j;</v>")
            out.writestr(item, content)
    assert "evil.xlsx" in refused(EXCEL, evil)


JSON = make_contract(
    format={"type": "json_records", "records": "data.rows", "rename": {"place.code": "code"}}
)
RECORDS = [
    {"level": "country", "place": {"code": "NP"}, "toilet": "NONE", "total": 5},
    {"level": "district", "place": {"code": "01"}, "toilet": "NONE", "total": 5.0},
]


def test_json_records(delivery):
    text = json.dumps({"data": {"rows": RECORDS}})
    reading = read(JSON, delivery(text, "a.json"))
    assert reading.table.column("code").to_pylist() == ["NP", "01"]
    assert reading.table.column("total").to_pylist() == [5, 5]
    assert "the JSON document ends in the middle: it is truncated" in refused(
        JSON, delivery(text[:-4], "a.json")
    )
    assert "row 2: the JSON document is damaged" in refused(JSON, delivery('{\n"a" 1, "b": 2}', "a.json"))
    assert "no list at 'data.rows'" in refused(JSON, delivery("{}", "a.json"))
    assert "the list of records is empty" in refused(JSON, delivery('{"data": {"rows": []}}', "a.json"))
    assert "nested too deeply" in refused(JSON, delivery("[" * 200_000, "a.json"))
    assert "an HTML page" in refused(JSON, delivery("<html>", "a.json"))
    text = json.dumps({"data": {"rows": [{**RECORDS[0], "total": "many"}, RECORDS[1]]}})
    assert "row 1, column total: 'many' is not an integer" in refused(JSON, delivery(text, "a.json"))


@pytest.fixture
def stata(tmp_path):
    path = tmp_path / "survey.dta"
    frame = pd.DataFrame(
        {
            "name": ["A", "B", "C"],
            "district": [1, 2, 2],
            "toilet": [1.0, 2.0, None],
            "size": [3, 4, 2],
        }
    )
    labels = {"toilet": {1: "FLUSH", 2: "NONE"}, "district": {1: "Taplejung", 2: "Panchthar"}}
    pyreadstat.write_dta(frame, str(path), variable_value_labels=labels, version=14)
    return path


def test_stata_labels_where_text_is_declared_and_codes_of_places(stata, delivery):
    contract = make_contract(**{**_stata_keys(), "key": ["code", "total"]})
    reading = read(contract, stata)
    assert reading.table.to_pylist() == [
        {"code": "1", "toilet": "FLUSH", "total": 3, "_row_number": 1},
        {"code": "2", "toilet": "NONE", "total": 4, "_row_number": 2},
        {"code": "2", "toilet": None, "total": 2, "_row_number": 3},
    ]
    cut = delivery(stata.read_bytes()[:-800], "cut.dta")
    assert "cut.dta: not a readable Stata file, or a truncated one" in refused(contract, cut)
    missing = make_contract(
        **{**_stata_keys(), "columns": {**_stata_keys()["columns"], "age": {"role": "ignored"}}}
    )
    assert "missing column 'age'" in refused(missing, stata)


def _stata_keys():
    """Keys of a contract on the file, to be changed."""
    return {
        "format": {"type": "stata", "rename": {"size": "total", "district": "code"}},
        "columns": {
            "name": {"role": "personal_identifier"},
            "code": COLUMNS["code"],
            "toilet": {**COLUMNS["toilet"], "required": False},
            "total": COLUMNS["total"],
        },
        "place": {"scheme": "S", "level": "district"},
    }


@pytest.fixture
def dhis2(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    units = [
        {"id": "root", "code": "NP", "name": "Nepal", "level": 1},
        {"id": "unit1", "code": "01", "name": "Taplejung", "level": 2, "parent": {"id": "root"}},
    ]
    (folder / "organisationUnits-0001.json").write_text(json.dumps({"organisationUnits": units[:1]}))
    (folder / "organisationUnits-0002.json").write_text(json.dumps({"organisationUnits": units[1:]}))
    (folder / "dataElements-0001.json").write_text(
        json.dumps(
            {"dataElements": [{"id": "de1", "code": "BIRTHS", "name": "Births"}, {"id": "de2", "code": "X"}]}
        )
    )
    values = [
        {"dataElement": "de1", "period": "2071April", "orgUnit": "root", "value": "7"},
        {"dataElement": "de2", "period": "2071April", "orgUnit": "root", "value": "9"},
        {"dataElement": "de1", "period": "2071April", "orgUnit": "unit1", "value": "x"},
    ]
    (folder / "dataValueSets.json").write_text(json.dumps({"dataValues": values}))
    return folder


DHIS2 = {
    "connector": {"type": "dhis2", "connection": "c", "data_set": "d", "period": "2071April"},
    "format": {"type": "dhis2_data_values"},
    "columns": {
        "org_unit_level": {"role": "place_level", "values": {"1": "country", "2": "district"}},
        "org_unit_code": {"role": "place_code"},
        "org_unit_parent_code": {"role": "place_parent", "required": False},
        "data_element_code": {"role": "dimension"},
        "period": {"role": "period"},
        "value": {"type": "integer", "role": "measure"},
    },
    "key": ["org_unit_code", "data_element_code", "period"],
    "period": {"type": "fiscal_year_bs", "column": "period"},
    "tolerance": {"unreadable_rows": 0.5},
}


def test_dhis2_values_get_the_names_of_what_they_are_about(dhis2):
    reading = read(make_contract(**DHIS2), dhis2)
    assert reading.table.column("org_unit_code").to_pylist() == ["NP", "NP"]
    assert reading.table.column("data_element_code").to_pylist() == ["BIRTHS", "X"]
    (held_out,) = reading.quarantined
    assert (held_out.row_number, held_out.column) == (3, "value")
    assert held_out.content["org_unit_parent_code"] == "NP"
    chosen = make_contract(**DHIS2 | {"connector": DHIS2["connector"] | {"data_elements": ["BIRTHS"]}})
    assert read(chosen, dhis2).rows_read == 2
    absent = make_contract(**DHIS2 | {"connector": DHIS2["connector"] | {"data_elements": ["DEATHS"]}})
    assert "no values of data element 'DEATHS'" in refused(absent, dhis2)


def test_bad_dhis2_answers(dhis2, delivery):
    contract = make_contract(**DHIS2)
    assert "one file where the answers" in refused(contract, delivery("{}"))
    (dhis2 / "organisationUnits-0002.json").unlink()
    assert "dataValueSets.json, row 3, column org_unit: 'unit1' is not among the delivery's" in refused(
        contract, dhis2
    )
    (dhis2 / "dataValueSets.json").write_text("{}")
    assert "the data value set is empty" in refused(contract, dhis2)
    (dhis2 / "dataValueSets.json").write_text('{"dataValues": [')
    assert "truncated" in refused(contract, dhis2)
