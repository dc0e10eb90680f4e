"""CSPro: both forms of the dictionary, values of fixed width, and data that are no match."""

import datetime

import pyarrow as pa
import pytest

from statloom.errors import DeliveryError
from statloom.landing.read import checks, cspro
from statloom.landing.read.cspro import dictionary
from statloom.landing.read.units import Units
from tests.microdata.vault import census
from tests.microdata.vault.conftest import CENSUS, census_contract

HOUSE_1 = "101     13  12.5  5050 1 2 3 125ph000001"
PERSON_1 = "201     1 1Sita राई    2 3419870615A"


def delivered(folder, path):
    """The folder of a delivery of several parts, as the archive gives it."""
    (folder / "manifest.json").write_text('{"parts": ["census.dat", "census.dcf"]}')
    return folder


def read(tmp_path, content, *, json_form=False, contract=None):
    """Return record → table of the census in ``content``, and what was read."""
    folder, work = tmp_path / "delivery", tmp_path / "work"
    for each in (folder, work):
        each.mkdir(exist_ok=True)
    census.write(folder, content, json_form=json_form)
    contract = contract or census_contract()
    units = Units(contract, delivered(folder, None), "census", work)
    parts = {}
    for batches in units:
        for batch in batches:
            parts.setdefault(batch.record, []).append(batch.table)
    return {record: pa.concat_tables(tables) for record, tables in parts.items()}, units


def test_both_forms_of_a_dictionary_say_the_same(tmp_path):
    census.write(tmp_path, [])
    old = dictionary.load(tmp_path / "census.dcf", "census.dcf")
    census.write(tmp_path, [], json_form=True)
    new = dictionary.load(tmp_path / "census.dcf", "census.dcf")
    assert [(r.name, r.code, old.length(r)) for r in old.records] == [
        ("HOUSE_REC", "1", 40),
        ("PERSON_REC", "2", 36),
    ]
    assert [(r.name, r.code, new.length(r)) for r in new.records] == [
        ("HOUSE_REC", "1", 40),
        ("PERSON_REC", "2", 36),
    ]
    for of_old, of_new in zip(old.records, new.records, strict=True):
        places = [(f.name, f.start, f.length, f.item.decimals, f.item.decimal_mark) for f in of_old.fields()]
        assert places == [
            (f.name, f.start, f.length, f.item.decimals, f.item.decimal_mark) for f in of_new.fields()
        ]
        lists = [item.code_list(None, old.languages) for item in of_old.items]
        assert lists == [item.code_list(None, new.languages) for item in of_new.items]
    toilet = old.records[0].items[0].code_list(None, old.languages)
    assert toilet.labels["3"] == "No toilet" and toilet.translations == {
        "ne": {"1": "फ्लस", "2": "साधारण", "3": "छैन"}
    }
    school = old.records[1].items[-1].code_list(None, old.languages)
    assert school.labels == {"A": "Attends, now", "N": "Does not; never did"}


@pytest.mark.parametrize("json_form", [False, True])
def test_values_of_fixed_width(tmp_path, json_form):
    houses = [
        HOUSE_1,
        f"102{2:6d}2{'-10.0':>6}{'-5050':>6}{'':6}{50:4d}ph000002",
        f"103{3:6d}{'':7}{'000000'}{'0 '}{'':4}{'0100'}",
    ]
    tables, _ = read(tmp_path, [houses[0], PERSON_1, houses[1], houses[2]], json_form=json_form)
    found = tables["household"].to_pydict()
    assert found["district"] == ["01", "02", "03"] and found["hh"] == [1, 2, 3]
    assert found["toilet"] == ["No toilet", "Ordinary toilet", None]
    assert found["h2_area"] == [12.5, -10.0, None]
    assert found["h3_rent"] == [50.5, -50.5, 0.0]  # two decimals are implied
    assert found["h4_rooms_1"] == [1, None, 0] and found["h4_rooms_2"] == [2, None, None]
    assert found["h5_weight"][0] == 1.25
    assert found["_row_number"] == [1, 3, 4]
    assert "h6_phone" not in found and "h4_rooms_3" not in found
    (person,) = tables["person"].to_pylist()
    assert person == {
        "district": "01",
        "hh": 1,
        "p0_line": 1,
        "p1_name": "Sita राई",
        "sex": "Female",
        "age": 34,
        "p4_born": datetime.date(1987, 6, 15),
        "p4_year": 1987,
        "p5_school": "Attends, now",
        "_row_number": 2,
    }


def test_blocks_cut_no_case_in_two(tmp_path, monkeypatch):
    content = census.lines(60)
    content[1] = content[1].replace("Xyzzy0000000", "सीता थापा   ")
    whole, _ = read(tmp_path, content)
    monkeypatch.setattr(cspro, "BLOCK_BYTES", 300)
    monkeypatch.setattr(checks, "CHUNK", 77)
    batches, parts = 0, {}
    census.write(tmp_path / "delivery", content)
    units = Units(census_contract(), tmp_path / "delivery", "census", tmp_path / "work")
    for batch in units:
        batches += 1
        households = {(h["district"], h["hh"]) for h in batch[0].table.to_pylist()}
        assert {(p["district"], p["hh"]) for p in batch[1].table.to_pylist()} == households
        for each in batch:
            parts.setdefault(each.record, []).append(each.table)
    assert batches > 5
    for record, table in whole.items():
        assert pa.concat_tables(parts[record]).to_pylist() == table.to_pylist()


def test_two_levels_and_records_without_a_type(tmp_path):
    text = census.SECTIONS.replace("RecordTypeStart=1\nRecordTypeLen=1", "RecordTypeLen=0")
    text = text[: text.index("[Record]\nLabel=Person")]
    (tmp_path / "a.dcf").write_text(text.replace("RecordTypeValue='1'\n", ""))
    found = dictionary.load(tmp_path / "a.dcf", "a.dcf")
    assert found.type_length == 0 and len(found.records) == 1
    second = "[Level]\nLabel=B\nName=B\n\n[IdItems]\n\n[Item]\nName=WOMAN\nStart=10\nLen=2\n"
    second += "\n[Record]\nName=BIRTH\n"
    second += "RecordTypeValue='3'\nMaxRecords=20\n\n[Item]\nName=B1\nStart=12\nLen=1\n"
    (tmp_path / "a.dcf").write_text(census.SECTIONS + "\n" + second)
    births = dictionary.load(tmp_path / "a.dcf", "a.dcf").records[-1]
    assert [field.name for field in births.fields()] == ["district", "hh", "woman", "b1"]


CONTENT = census.lines(30)
PERSONS = [i for i, line in enumerate(CONTENT) if line[0] == "2"]


def damaged(place, change):
    """The census with one line changed."""
    content = list(CONTENT)
    content[place] = change(content[place])
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "".join(f"{line}\r\n" for line in CONTENT)[:-20],
            f"row {len(CONTENT)}: the file ends in the middle of a record: the last line has 18 of the 36",
        ),
        ("".join(f"{line}\n" for line in CONTENT[:4]) + "", None),
        (
            damaged(3, lambda line: "7" + line[1:]),
            "row 4: the dictionary does not match: the record type, character 1",
        ),
        (
            damaged(PERSONS[2], lambda line: line[:24] + " x7" + line[27:]),
            f"row {PERSONS[2] + 1}, column age: text in numeric item P3_AGE, characters 25 to 27",
        ),
        (
            damaged(PERSONS[1], lambda line: line + "77"),
            "the line has 38 characters, and record PERSON_REC has 36",
        ),
        (
            [line[:12] + line[13:] if line[0] == "2" else line for line in CONTENT],
            "every line of record PERSON_REC has 35 characters, and by the dictionary it has 36",
        ),
        (
            [line[0] + "X" + line[2:] if line[0] == "1" else line for line in CONTENT],
            "lines have text in numeric item DISTRICT, characters 2 to 3",
        ),
        ("", "the file is empty"),
        ("\r\n\r\n", "the file is empty"),
        (CONTENT[0] + "\r\n2", "row 2: the file ends in the middle of a record"),
    ],
)
def test_data_that_do_not_match_are_named(tmp_path, content, message):
    if message is None:
        read(tmp_path, content)
        return
    with pytest.raises(DeliveryError) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith("census: census.dat") and message in str(caught.value)
    assert "Xyzzy" not in str(caught.value)


def test_a_line_cut_off_among_lines_that_keep_their_blanks(tmp_path):
    content = [line[:35] + " " if i % 3 == 0 and line[0] == "2" else line for i, line in enumerate(CONTENT)]
    read(tmp_path, content)
    content[PERSONS[4]] = content[PERSONS[4]][:20]
    with pytest.raises(
        DeliveryError, match=f"row {PERSONS[4] + 1}: the dictionary does not match, or the line"
    ):
        read(tmp_path, content)


def test_lines_without_their_last_blanks_are_right(tmp_path):
    content = [line[:35] if i % 3 == 0 and line[0] == "2" else line for i, line in enumerate(CONTENT)]
    tables, _ = read(tmp_path, content)
    assert tables["person"]["p5_school"].null_count == sum(len(line) == 35 for line in content)


def test_rows_that_cannot_be_read_are_held_out_when_that_is_borne(tmp_path):
    content = damaged(PERSONS[2], lambda line: line[:24] + " x7" + line[27:])
    contract = census_contract(tolerance={"unreadable_rows": 0.1})
    census.write(tmp_path, content)
    (tmp_path / "work").mkdir()
    batches = [
        b for found in Units(contract, delivered(tmp_path, None), "c", tmp_path / "work") for b in found
    ]
    (held_out,) = [row for batch in batches for row in batch.held_out]
    assert (held_out.row_number, held_out.column, held_out.content) == (PERSONS[2] + 1, "age", {})
    assert sum(batch.table.num_rows for batch in batches) == len(CONTENT) - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("Len=12", "Len=zwölf"), "Len is 'zwölf', and must be a number"),
        (lambda t: t.replace("Start=10\nLen=1\n", "Len=1\n"), "row 40: the [item] has no Start"),
        (lambda t: t.replace("[Record]", "[Rekord]", 1), "no section [Rekord]"),
        (lambda t: t.replace("RecordTypeValue='2'", "RecordTypeValue='1'"), "have the same record type"),
        (
            lambda t: t.replace("Value=1;Male|पुरुष", "Value=m;Male"),
            "item P2_SEX is numeric, and its value set has 'm'",
        ),
        (lambda t: "Census of 2021", "neither a section nor Key=Value"),
        (lambda t: "{'name': 1}", "not a CSPro dictionary: "),
        (lambda t: '{"name": "A"}', "not a CSPro dictionary: 'levels' is missing"),
        (lambda t: t.replace("Name=PERSON_REC", "Name=PEOPLE"), "the dictionary has no record PERSON_REC"),
        (
            lambda t: t.replace("Name=P3_AGE", "Name=P3_AGES"),
            "column 'age' is missing, probably renamed to 'p3_ages'",
        ),
    ],
)
def test_a_dictionary_that_does_not_hold_is_named(tmp_path, change, message):
    folder, work = tmp_path / "delivery", tmp_path / "work"
    folder.mkdir(), work.mkdir()
    census.write(folder, CONTENT)
    (folder / "census.dcf").write_text(change(census.SECTIONS), encoding="utf-8")
    with pytest.raises(DeliveryError) as caught:
        list(Units(census_contract(), delivered(folder, None), "census", work))
    assert "census.dcf" in str(caught.value) and message in str(caught.value)


def test_a_value_set_may_be_chosen(tmp_path):
    more = "[ValueSet]\nLabel=Sex\nName=P2_VS2\nValue=1;M\nValue=2;F\n\n[Item]\nLabel=Age"
    folder = tmp_path / "delivery"
    folder.mkdir(), (tmp_path / "work").mkdir()
    census.write(folder, CONTENT[:6])
    (folder / "census.dcf").write_text(census.SECTIONS.replace("[Item]\nLabel=Age", more), encoding="utf-8")
    form = CENSUS["format"] | {"value_sets": {"sex": "p2_vs2"}}
    contract = census_contract(format=form, columns={"sex": {"categories": ["M", "F"]}})
    found = [b for batch in Units(contract, delivered(folder, None), "c", tmp_path / "work") for b in batch]
    assert set(found[1].table["sex"].to_pylist()) <= {"M", "F"}
    contract = census_contract(format=form | {"value_sets": {"sex": "P9"}})
    with pytest.raises(DeliveryError, match="item P2_SEX has no value set 'P9'"):
        list(Units(contract, delivered(folder, None), "c", tmp_path / "work"))
