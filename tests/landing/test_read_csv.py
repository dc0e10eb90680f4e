"""Delimited text, clean and dirty. Every message names file, row or column, and reason."""

import gzip
import subprocess
import sys

import pytest

from statloom.errors import DeliveryError
from statloom.landing import read
from tests.landing.conftest import COLUMNS, CSV, make_contract


def refused(contract, path):
    with pytest.raises(DeliveryError) as caught:
        read(contract, path)
    return str(caught.value)


def test_clean_rows_keep_their_row_in_the_file(delivery):
    reading = read(make_contract(), delivery())
    assert reading.rows_read == 4 and not reading.quarantined
    assert reading.table.column("_row_number").to_pylist() == [2, 3, 4, 5]
    assert reading.table.column("total").to_pylist() == [10, 5, 10, 5]
    assert reading.table.column("code").to_pylist()[2] == "01"
    assert str(reading.frame["total"].dtype) == "Int64"


def test_blank_lines_and_quoted_line_ends_do_not_shift_rows(delivery):
    text = 'level,code,toilet,total\n\ncountry,"N\nP",FLUSH,10\n\n\ndistrict,01,FLUSH,x\n'
    message = refused(make_contract(), delivery(text))
    assert message == "toilets: toilets.csv, row 6, column total: 'x' is not an integer"


def test_semicolons_decimal_commas_marks_and_spaces(delivery):
    contract = make_contract(
        format={"type": "csv", "encoding": "utf-8-sig", "delimiter": ";", "decimal": ",", "thousands": " "},
        columns=COLUMNS | {"total": {"type": "number", "role": "measure"}},
    )
    text = "\ufefflevel;code;toilet;total\r\ncountry;NP;FLUSH;1 234,5\r\ncountry; NP ;NONE;\r\n"
    assert read(contract, delivery(text)).table.column("total").to_pylist() == [1234.5, None]
    text = text.replace("1 234,5", "1.234,5")
    assert "row 2, column total: '1.234,5' is not a number" in refused(contract, delivery(text))


def test_gzip(delivery):
    contract = make_contract(format={"type": "csv", "compression": "gzip"})
    packed = gzip.compress(CSV.encode())
    assert read(contract, delivery(packed)).rows_read == 4
    assert (
        read(
            contract, delivery(gzip.compress(CSV[:40].encode()) + gzip.compress(CSV[40:].encode()))
        ).rows_read
        == 4
    )
    assert "the gzip data end in the middle: the file is truncated" in refused(
        contract, delivery(packed[:-12])
    )
    assert "damaged gzip data" in refused(contract, delivery(packed[:20] + b"\0\0\0" + packed[23:]))
    assert "the contract declares no compression" in refused(make_contract(), delivery(packed))


def test_a_gzip_bomb_is_refused_early(delivery, monkeypatch):
    monkeypatch.setenv("STATLOOM_MAXIMUM_BYTES", "1000000")
    bomb = gzip.compress(b"level,code,toilet,total\n" + b"country,NP,FLUSH,1\n" * 1_000_000)
    contract = make_contract(format={"type": "csv", "compression": "gzip"})
    assert "grows beyond the limit of 1,000,000 bytes when unpacked" in refused(contract, delivery(bomb))
    assert "more than the limit" in refused(make_contract(), delivery(CSV * 20_000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "toilets: toilets.csv: the file is empty (0 bytes)"),
        (b" \n\n", "the file is empty (white space only)"),
        (b"level,code,toilet,total\n", "a header and no rows"),
        (b"level,code,toilet,total", "a header and no rows"),
        (
            b"<!DOCTYPE html>\n<html><head><title>Not found</title>",
            "an HTML page where data were expected (its title: 'Not found')",
        ),
        (b"\xef\xbb\xbf  <HTML>", "an HTML page"),
        (b"PK\x03\x04rest", "a zip archive or an Excel workbook where text was expected"),
        (CSV.encode()[:-3], "row 5: the last line has 3 of 4 fields and no line end: the file is truncated"),
        (CSV.encode().replace(b"FLUSH,10\ndistrict", b'"FLUSH,10\ndistrict'), "opened and never closed"),
        (CSV.encode().replace(b"NP,NONE", b"NP\0,NONE"), "row 3: a NUL character"),
        (
            CSV.encode().replace(b"01,NONE", b"\xe9,NONE"),
            "row 5: not utf-8: byte 0xE9 at position 93 (invalid continuation byte)",
        ),
        (
            "\ufeff".encode("utf-16-le") + CSV.encode("utf-16-le"),
            "row 1: declared as utf-8, but the file begins as",
        ),
        (
            CSV.encode() + "é".encode()[:1],
            "the file ends in the middle of a character of utf-8: it is truncated",
        ),
        (b"level,code,toilet,total,total\n1,2,3,4,5\n", "row 1: the header has 'total' more than once"),
        (
            CSV.encode().replace(b"country,NP,NONE,5", b"country,NP,NONE,5,6"),
            "row 3: 5 fields where the header has 4",
        ),
        (CSV.encode().replace(b"country,NP,NONE,5", b"a note"), "row 3: 1 fields where the header has 4"),
    ],
)
def test_bad_files(delivery, content, message):
    assert message in refused(make_contract(), delivery(content))


def test_the_position_of_a_wrong_byte_is_right_beyond_the_first_chunk(delivery):
    good = "country,NP,FLUSH,é\n".encode() * 100_000
    path = delivery(b"level,code,toilet,total\n" + good + b"country,N\xe9,FLUSH,1\n")
    position = path.read_bytes().index(b"\xe9,F") + 1
    message = refused(make_contract(), path)
    assert f"row 100002: not utf-8: byte 0xE9 at position {position:,}" in message


def test_a_single_byte_encoding_is_not_believed_when_the_bytes_are_utf8(delivery):
    contract = make_contract(format={"type": "csv", "encoding": "windows-1252"})
    text = CSV.replace("01", "É")
    assert read(contract, delivery(text.encode("windows-1252"))).table.column("code").to_pylist()[2] == "É"
    assert "declared as windows-1252, but the bytes are UTF-8" in refused(contract, delivery(text))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("level,code,toilet,totals", "column 'total' is missing, probably renamed to 'totals'"),
        ("level,geo_code,toilet,total", "column 'code' is missing, probably renamed to 'geo_code'"),
        ("level,code,toilet", "missing column 'total'"),
        ("level,code,toilet,total,remark", "unknown column 'remark'"),
        ("level,zzz,toilet,total,remark", "missing column 'code'; unknown columns 'zzz', 'remark'"),
    ],
)
def test_changed_columns_are_said(delivery, header, message):
    lines = "".join(",".join(["x"] * len(header.split(","))) + "\n" for _ in range(3))
    assert f"the columns have changed: {message}" in refused(make_contract(), delivery(f"{header}\n{lines}"))


def test_another_order_of_columns_is_no_change(delivery):
    reading = read(make_contract(), delivery("total,toilet,code,level\n7,NONE,NP,country\n"))
    assert reading.table.to_pylist() == [
        {"level": "country", "code": "NP", "toilet": "NONE", "total": 7, "_row_number": 2}
    ]


def test_an_optional_column_may_be_absent(delivery):
    columns = COLUMNS | {"note": {"type": "text", "role": "dimension", "optional": True}}
    assert read(make_contract(columns=columns), delivery()).table.column("note").null_count == 4


def test_a_retyped_column_is_refused_whatever_is_tolerated(delivery):
    text = CSV.replace(",10", ",ten").replace(",5", ",five")
    message = refused(make_contract(tolerance={"unreadable_rows": 0.5}), delivery(text))
    assert (
        "row 2, column total: the column has changed: 4 of 4 cells are not an integer, the first is 'ten'"
        in message
    )


def test_unreadable_rows_are_held_out_within_the_tolerance(delivery):
    text = CSV.replace("NP,NONE,5", "NP,NONE,n.a.") + "district,02,NONE\n"
    message = refused(make_contract(), delivery(text))
    assert "row 3, column total: 'n.a.' is not an integer (2 of 5 rows are unreadable)" in message
    reading = read(make_contract(tolerance={"unreadable_rows": 0.4}), delivery(text))
    assert reading.rows_read == 5 == reading.table.num_rows + len(reading.quarantined)
    first, second = reading.quarantined
    assert (first.row_number, first.column, first.reason) == (3, "total", "'n.a.' is not an integer")
    assert first.content == {"level": "country", "code": "NP", "toilet": "NONE", "total": "n.a."}
    assert (second.row_number, second.content) == (6, {"text": "district,02,NONE"})


@pytest.mark.parametrize(
    ("kind", "good", "values", "bad"),
    [
        ("integer", ["1", "-2", "+3", "4.0"], [1, -2, 3, 4], ["1.5", "1e3", "12 000", "x", "9" * 30]),
        (
            "number",
            ["1", "-.5", "1e3", "2."],
            [1.0, -0.5, 1000.0, 2.0],
            ["nan", "inf", "1,5", "1e999", "--1"],
        ),
        ("date", ["2011-06-22", "2012-02-29"], None, ["2011-02-30", "22/06/2011", "2011"]),
        ("boolean", ["true", "No", "1"], [True, False, True], ["maybe", "2"]),
    ],
)
def test_types(delivery, kind, good, values, bad):
    role = "measure" if kind in ("integer", "number") else "dimension"
    contract = make_contract(
        columns={"code": {"role": "place_code"}, "x": {"type": kind, "role": role, "required": False}},
        key=["code"],
        place={"scheme": "S", "level": "district"},
        tolerance={"unreadable_rows": 0.5},
    )
    lines = [f'{i},"{value}"' for i, value in enumerate([*good, *good, *bad, *good, *good])]
    reading = read(contract, delivery("code,x\n" + "\n".join(lines) + "\n"))
    assert [row.row_number for row in reading.quarantined] == [
        2 + 2 * len(good) + i for i in range(len(bad))
    ], reading.quarantined
    if values:
        assert reading.table.column("x").to_pylist()[: len(good)] == values


def test_declared_nulls_and_empty_cells_are_empty(delivery):
    contract = make_contract(format={"type": "csv", "null_values": ["n.a.", "-"]})
    text = CSV.replace("NP,NONE,5", "NP,NONE,n.a.").replace("01,NONE,5", "01,NONE,")
    assert read(contract, delivery(text)).table.column("total").to_pylist() == [10, None, 10, None]


def test_an_empty_key_cell_is_unreadable(delivery):
    message = refused(make_contract(), delivery(CSV.replace("country,NP,NONE", "country,,NONE")))
    assert "row 3, column code: is empty, but belongs to the key" in message


def test_a_duplicate_key_names_both_rows(delivery):
    text = CSV + "country,NP,NONE,6\n"
    message = refused(make_contract(), delivery(text))
    assert (
        "row 3, column level, code, toilet: the same key as row 6: level = 'country', code = 'NP'" in message
    )
    reading = read(make_contract(tolerance={"unreadable_rows": 0.5}), delivery(text))
    assert [row.row_number for row in reading.quarantined] == [3, 6]
    assert "the same key as row 3" in reading.quarantined[1].reason


def test_of_equal_rows_the_first_stays(delivery):
    reading = read(make_contract(tolerance={"unreadable_rows": 0.5}), delivery(CSV + "country,NP,NONE,5\n"))
    assert [(row.row_number, row.reason.split(":")[0]) for row in reading.quarantined] == [
        (6, "the same row as row 3")
    ]
    assert reading.table.num_rows == 4


def test_known_defects_are_taken_out_while_their_guard_holds(delivery):
    defects = [{"where": "level = 'country'", "reason": "shifted", "expect_rows": 2}]
    reading = read(make_contract(defects=defects), delivery())
    assert [(r.row_number, r.stage, r.reason) for r in reading.quarantined] == [
        (2, "defect", "shifted"),
        (3, "defect", "shifted"),
    ]
    assert reading.rows_read == 4 and reading.table.num_rows == 2 and not reading.notes
    mended = read(make_contract(defects=defects), delivery(CSV.replace("country,NP,NONE,5\n", "")))
    assert not mended.quarantined
    assert mended.notes == [
        "known defect not applied: 1 rows match \"level = 'country'\", expected 2 (shifted)"
    ]


def test_personal_identifiers_are_nowhere(delivery):
    contract = make_contract(
        columns=COLUMNS | {"phone": {"role": "personal_identifier"}}, tolerance={"unreadable_rows": 0.5}
    )
    text = (
        "level,code,toilet,total,phone\ncountry,NP,FLUSH,10,9001\ncountry,NP,NONE,x,9002\n"
        "district,01,NONE,1,9003,9003\ndistrict,01,FLUSH,1,9004\ndistrict,02,FLUSH,1,9005\n"
    )
    reading = read(contract, delivery(text))
    assert "phone" not in reading.table.column_names
    assert len(reading.quarantined) == 2
    assert "900" not in repr(reading.quarantined) + repr(reading.table.to_pylist())


def test_one_line_of_two_gigabytes_does_not_eat_memory(tmp_path):
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        file.write(b"level,code,toilet,total\n")
        file.write(b"x" * (1 << 22))
        file.truncate((2 << 30) - (1 << 20))
    program = (
        "import sys\nfrom statloom.landing import read\n"
        "from tests.landing.conftest import make_contract\n"
        "try:\n    read(make_contract(), sys.argv[1])\n"
        "except Exception as error:\n    print(error)\n"
        # Unlike ru_maxrss, this peak does not begin with what the parent had.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(p for p in sys.path if p), "PATH": "/usr/bin:/bin"},
    )
    message, kilobytes = run.stdout.splitlines()
    assert message == "toilets: line.csv, row 2: a line of more than 1,048,576 characters: not a table"
    assert 0 < int(kilobytes) < 400 * 1024


def test_a_key_that_identifies_nothing_is_said_soon(delivery):
    lines = "".join(f"district,{i % 75:02},FLUSH,{i}\n" for i in range(100_000))
    message = refused(make_contract(), delivery("level,code,toilet,total\n" + lines))
    assert "row 2, column level, code, toilet: the same key as row 99977" in message
    assert "(100,000 of 100,000 rows are unreadable)" in message
