"""Deliveries made to harm: each is refused with the file's name and the reason, in little memory."""

import gzip
import json
import re
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pandas as pd
import pyreadstat
import pytest

from statloom.contracts.source_text import parse_text
from statloom.errors import ContractError, DeliveryError
from statloom.landing import read
from statloom.landing.read import checks, parcel, unit_files
from statloom.landing.read.cspro import json_form
from tests.landing.conftest import CSV, make_contract

MEGABYTES = 400
"""What reading a hostile file may add to the memory of the process."""
LINE = b"district,01,FLUSH,10\n"
GZIP = make_contract(format={"type": "csv", "compression": "gzip"})
JSON = make_contract(format={"type": "json_records"})
EXCEL = make_contract(format={"type": "excel", "header_rows": [1]})


def peak() -> int:
    """The most memory, in MB, that this process has had since `forget`."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024


@pytest.fixture(autouse=True)
def little_memory():
    """Every test here must stay within its memory (where the system can tell)."""
    if not Path("/proc/self/clear_refs").exists():
        yield
        return
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    yield
    added = peak() - before
    print(f"memory added: {added} MB")
    assert added < MEGABYTES


def refused(contract, path) -> str:
    with pytest.raises(DeliveryError) as caught:
        read(contract, path)
    assert caught.value.file.startswith(path.name)
    return str(caught.value)


def members(content: bytes, times: int) -> bytes:
    """gzip data that unpack to ``content`` repeated: as many members as times."""
    return gzip.compress(content, 9) * times


@pytest.fixture
def at(tmp_path):
    """Write ``content`` under a name; return its path."""

    def written(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written


def test_gzip_that_grows(at):
    rows = (CSV.encode() + LINE * 100_000)[: 2 << 20]
    assert "times its size: refused as a zip bomb" in refused(GZIP, at("a.csv.gz", members(rows, 1000)))
    # Two gigabytes on one line.
    line = at("b.csv.gz", members(b"a" * (16 << 20), 128))
    assert "row 1: a line of more than 1,048,576 characters: not a table" in refused(GZIP, line)


def test_gzip_beyond_the_limit(at, monkeypatch):
    monkeypatch.setenv("STATLOOM_MAXIMUM_BYTES", str(3 << 20))
    rows = b"".join(b"district,%d,FLUSH,10\n" % n for n in range(200_000))
    assert "grows beyond the limit of 3,145,728 bytes" in refused(GZIP, at("a.csv.gz", gzip.compress(rows)))


def test_two_gigabytes_on_one_line(tmp_path):
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        file.write(b"level,code,toilet,total\n" + b"a" * (3 << 20))
        file.truncate((2 << 30) - 1)  # sparse: NULs without disk
    assert "row 2: a line of more than 1,048,576 characters" in refused(make_contract(), path)
    with path.open("wb") as file:
        file.truncate((2 << 30) + 1)
    assert "2,147,483,649 bytes are more than the limit of 2,147,483,648" in refused(make_contract(), path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (",".join(f"c{n}" for n in range(1_000_000)), "a line of more than 1,048,576 characters"),
        (",".join(f"{n:x}" for n in range(150_000)) + "\n1\n", "150,000 columns are more than the limit"),
        ("," * 1_000_000 + "\n1\n", "1,000,001 columns are more than the limit of 4,096"),
        (CSV + "district,0\0 1,NONE,5\n", "row 6: a NUL character: not a text file"),
        ('level,code,toilet,total\n"' + "a\n" * 10_000_000, "is opened and never closed"),
        ('level,code,toilet,total\n"' + "a\n" * 10_000_000 + '",1,2,3\n', "not a delimited text"),
        ("\xff" + CSV, "not utf-8: byte 0xFF"),
    ],
)
def test_csv(at, content, reason):
    assert reason in refused(make_contract(), at("a.csv", content.encode("latin-1")))


def test_a_row_of_half_a_million_fields_is_held_out(at):
    contract = make_contract(tolerance={"unreadable_rows": 0.5})
    found = read(contract, at("a.csv", CSV.encode() + b"1," * 500_000 + b"\n"))
    (row,) = found.quarantined
    assert (row.row_number, row.reason) == (6, "500001 fields where the header has 4")
    assert len(row.content["text"]) <= 2000


LAUGHS = '<!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
)
PASSWD = '<!DOCTYPE x [<!ENTITY a11 SYSTEM "file:///etc/passwd">'
PARAMETER = '<!DOCTYPE x [<!ENTITY % a11 SYSTEM "http://127.0.0.1:1/x.dtd"> %a11;'


def workbook(path: Path, *, part: str = "", change=lambda text: text, more=()) -> Path:
    """A sound workbook, one part of it changed, parts added."""
    sound = path.with_name("sound.xlsx")
    book = openpyxl.Workbook()
    for row in CSV.splitlines():
        book.active.append(row.split(","))
    book.save(sound)
    with zipfile.ZipFile(sound) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry.filename, change(content.decode()) if entry.filename == part else content)
        for name, content in more:
            new.writestr(name, content)
    return path


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize("doctype", [LAUGHS, PASSWD, PARAMETER])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_in_a_workbook(tmp_path, part, doctype, encoding):
    def planted(text: str) -> bytes:
        text = re.sub(r"^<\?xml[^>]*>\s*", "", text)
        text = text.replace("country", "&a11;", 1)
        return f'<?xml version="1.0" encoding="{encoding}"?><!-- {"-." * 5000}-->{doctype}]>{text}'.encode(
            encoding
        )

    path = workbook(tmp_path / "a.xlsx", part=part, change=planted)
    assert f"a.xlsx, {part}: XML with a document type of its own: refused" in refused(EXCEL, path)


def test_workbooks_that_grow(tmp_path):
    read(EXCEL, workbook(tmp_path / "sound-again.xlsx"))
    bomb = workbook(tmp_path / "a.xlsx", more=[("xl/media/image1.xml", b"<a>" + b" " * (60 << 20) + b"</a>")])
    assert "times its size: refused as a zip bomb" in refused(EXCEL, bomb)
    many = workbook(tmp_path / "b.xlsx", more=[(f"xl/media/{n}", b"") for n in range(10_001)])
    assert "files, a list of" in refused(EXCEL, many)
    wide = workbook(tmp_path / "c.xlsx", part="xl/workbook.xml", change=lambda text: "a" * 10_000)
    assert "c.xlsx, xl/workbook.xml: " in refused(EXCEL, wide)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b"[" + b"{}," * 6_000_000 + b"{}]", "more than 5,000,000 lists and records"),
        (b"[" + b"1," * 41_000_000 + b"1]", "or 40,000,000 values in one JSON document"),
        (
            json.dumps([{f"k{n}_{i}": 1 for i in range(10)} for n in range(5000)]).encode(),
            "the records have more than 4,096 different keys",
        ),
        (
            json.dumps([{"a": {f"k{n}_{i}": 1 for i in range(10)}} for n in range(5000)]).encode(),
            "the records have more than 4,096 different keys",
        ),
        (b'[{"level": "a\0"}]', "is damaged: Invalid control character"),
        (b"\0" * 1000, "is damaged"),
    ],
)
def test_json(at, content, reason):
    assert reason in refused(JSON, at("a.json", content))


ZIPPED = SimpleNamespace(format=SimpleNamespace(compression="zip"))


def unpacked(path: Path, folder: Path):
    folder.mkdir(exist_ok=True)
    return parcel.files(ZIPPED, path, path.name, folder)


def archive(path: Path, entries) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in entries:
            out.writestr(name, content)
    return path


def test_names_in_an_archive_lead_nowhere_else(tmp_path):
    names = ["../../escaped.csv", "/etc/absolute.csv", "..\\..\\windows.csv", "C:\\drive.csv", "a/b/deep.csv"]
    found = unpacked(archive(tmp_path / "a.zip", [(name, b"x") for name in names]), tmp_path / "out")
    assert {file.path.parent for file in found} == {tmp_path / "out" / "0"}
    assert sorted(path.name for path in tmp_path.rglob("*.csv")) == sorted(
        ["escaped.csv", "absolute.csv", "windows.csv", "drive.csv", "deep.csv"]
    )
    with pytest.raises(DeliveryError, match=r"a\.zip"):
        unpacked(archive(tmp_path / "a.zip", [("..", b"x")]), tmp_path / "more")
    twice = archive(tmp_path / "b.zip", [("one/a.csv", b"x"), ("two/a.csv", b"y")])
    with pytest.raises(DeliveryError, match=r"b\.zip: two files are called 'a\.csv'"):
        unpacked(twice, tmp_path / "twice")


def test_archives_that_grow(tmp_path):
    inner = archive(tmp_path / "inner.zip", [("a.csv", b"a" * (20 << 20))]).read_bytes()
    nested = archive(tmp_path / "nested.zip", [(f"{n}.zip", inner) for n in range(10)])
    # One layer is opened; what is in the next is no table.
    for file in unpacked(nested, tmp_path / "nested"):
        assert "a zip archive or an Excel workbook" in refused(make_contract(), file.path)
    for name, entries, reason in (
        ("many", [(f"{n}.csv", b"") for n in range(1001)], "1,001 files, a list of"),
        ("bomb", [("a.csv", b"\0" * (60 << 20))], "times its size: refused as a zip bomb"),
    ):
        with pytest.raises(DeliveryError, match=rf"{name}\.zip: .*{reason}"):
            unpacked(archive(tmp_path / f"{name}.zip", entries), tmp_path / name)


def test_archives_that_lie(tmp_path, monkeypatch):
    """Sizes in the list of files are what its maker wrote."""
    monkeypatch.setenv("STATLOOM_MAXIMUM_BYTES", str(1 << 20))
    path = archive(tmp_path / "a.zip", [("a.csv", b"a" * (8 << 20))])
    content = path.read_bytes()
    true = struct.pack("<L", 8 << 20)
    assert content.count(true) == 2
    path.write_bytes(content.replace(true, struct.pack("<L", 1000)))
    with pytest.raises(DeliveryError, match=r"a\.zip: "):
        unpacked(path, tmp_path / "small")
    path.write_bytes(content.replace(true, struct.pack("<L", 0xFFFFFFF0)))
    with pytest.raises(DeliveryError, match=r"a\.zip: unpacks to 4,294,967,280 bytes, more than the limit"):
        unpacked(path, tmp_path / "huge")
    # A list that says it has a billion files, and one that says it is longer than the archive.
    start = content.rindex(b"PK\x05\x06")
    count = content[: start + 8] + struct.pack("<HH", 60_000, 60_000) + content[start + 12 :]
    path.write_bytes(count)
    with pytest.raises(DeliveryError, match=r"a\.zip: 60,000 files"):
        unpacked(path, tmp_path / "count")
    path.write_bytes(content[: start + 12] + struct.pack("<L", 1 << 30) + content[start + 16 :])
    with pytest.raises(DeliveryError, match=r"a\.zip: "):
        unpacked(path, tmp_path / "length")


YAML_BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("source: !!python/object/apply:os.system [id]\n", "line 1: tags are not allowed"),
        ("a: 1\nb: !!python/name:os.system\n", "line 2: tags are not allowed"),
        ("a: !include /etc/passwd\n", "line 1: tags are not allowed"),
        ("source: a\nsource: b\n", "line 2, source: given twice"),
        ("a:\n  b: 1\n  b: 2\n", "line 3, a.b: given twice"),
        (YAML_BOMB, "more than 100,000 values"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a: &x\n  b: *x\n", "planted.yml"),
        ("- a\n- b\n", "a contract is a mapping of keys"),
        ("a: \0\n", "not YAML"),
    ],
)
def test_contracts(text, reason):
    with pytest.raises(ContractError) as caught:
        parse_text(text, "planted.yml")
    assert str(caught.value).startswith("planted.yml")
    assert reason in str(caught.value)


def test_a_stata_file_that_announces_billions(tmp_path):
    path = tmp_path / "a.dta"
    pyreadstat.write_dta(pd.DataFrame({"total": [1.0, 2.0]}), str(path), version=15)
    content = path.read_bytes()
    at = content.index(b"<N>") + 3
    path.write_bytes(content[:at] + struct.pack("<Q", 4_000_000_000) + content[at + 8 :])
    contract = make_contract(format={"type": "stata"})
    assert "4,000,000,000 observations" in refused(contract, path) or "Stata" in refused(contract, path)
    micro = SimpleNamespace(format=SimpleNamespace(encoding=None))
    file = parcel.File("a.dta", path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unit_files.headers, "wanted", lambda *_: {"total": "total"})
        with pytest.raises(DeliveryError, match=r"a\.dta"):
            list(unit_files.labelled_cells(micro, "person", file, "stata", {}))


def test_wide_spss_files_are_read_in_smaller_parts(tmp_path, monkeypatch):
    """Blanks are packed to an eighth in SPSS files, so parts are measured by their width unpacked."""
    path = tmp_path / "a.sav"
    pyreadstat.write_sav(pd.DataFrame({"text": ["x" * 5000] + ["y"] * 99}), str(path))
    monkeypatch.setattr(unit_files.headers, "wanted", lambda *_: {"text": "text"})
    monkeypatch.setattr(unit_files, "_BATCH_BYTES", 100_000)
    micro = SimpleNamespace(format=SimpleNamespace(encoding=None))
    parts = list(unit_files.labelled_cells(micro, "person", parcel.File("a.sav", path), "spss", {}))
    assert sum(part.table.num_rows for part in parts) == 100
    assert max(part.table.num_rows for part in parts) < 25


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"occurrences": {"maximum": 10**9}}, "an item that occurs 1,000,000,000 times"),
        ({"occurrences": {"maximum": -1}}, "an item that occurs -1 times"),
    ],
)
def test_cspro_dictionaries(change, reason):
    item = {"name": "AGE", "contentType": "numeric", "start": 2, "length": 2} | change
    level = {"ids": {"items": []}, "records": [{"name": "P", "recordType": "1", "items": [item]}]}
    text = json.dumps({"name": "D", "recordType": {"start": 1, "length": 1}, "levels": [level]})
    with pytest.raises(DeliveryError, match=reason):
        json_form.parse(text, "planted.dcf")


def test_a_dictionary_that_is_nested_too_deeply():
    with pytest.raises(DeliveryError, match=r"planted\.dcf: not a CSPro dictionary"):
        json_form.parse('{"a":' * 100_000 + "1" + "}" * 100_000, "planted.dcf")


def test_no_limit_is_larger_than_that_of_a_delivery():
    assert checks.maximum_bytes() >= checks.MAXIMUM_DOCUMENT
