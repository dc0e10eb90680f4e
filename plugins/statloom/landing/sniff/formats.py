"""Which format a file has, and its cells as text."""

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts.model import Format
from statloom.errors import DeliveryError
from statloom.landing.read.cells import Cells
from statloom.landing.read.checks import chunks
from statloom.landing.sniff.guess import PLACE, PSU, STRATUM

_HEAD = 1 << 20


def format_of(path: Path) -> tuple[dict, Cells]:
    """Return the file's format, as a contract has it, and its cells. Raises DeliveryError when none fits."""
    with path.open("rb") as file:
        magic = file.read(8)
    if magic[:2] == b"PK":
        return _excel(path)
    if path.suffix == ".dta" or magic.startswith(b"<stata"):
        return _stata(path)
    packed = magic[:2] == b"\x1f\x8b"
    head = b""
    for chunk in chunks(path, path.name, "gzip" if packed else None):
        head += chunk
        if len(head) >= _HEAD:
            break
    head = head[:_HEAD]
    if head.lstrip().startswith((b"{", b"[")):
        return _json(path, packed)
    return _csv(path, head, packed)


def _csv(path: Path, head: bytes, packed: bool) -> tuple[dict, Cells]:
    from statloom.landing.read import delimited

    encoding, text = _encoding(head)
    lines = text.splitlines(keepends=True)[:200]
    lines = lines[:-1] if len(lines) > 1 and not lines[-1].endswith("\n") and len(head) == _HEAD else lines
    delimiter = _delimiter(lines)
    widths = [len(row) for row in csv.reader(io.StringIO("".join(lines)), delimiter=delimiter)]
    width = max(set(widths), key=widths.count)
    header_row = next(i for i, w in enumerate(widths, 1) if w == width)
    form: dict = {"type": "csv"}
    if encoding != "utf-8":
        form["encoding"] = encoding
    if delimiter != ",":
        form["delimiter"] = delimiter
    if header_row > 1:
        form["header_row"] = header_row
    if packed:
        form["compression"] = "gzip"
    cells = delimited.cells(Format(**form), path, path.name)
    if delimiter != "," and _decimal_comma(cells.table):
        form["decimal"] = ","
    return form, cells


def _encoding(head: bytes) -> tuple[str, str]:
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig", head.decode("utf-8-sig", "ignore")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16", head.decode("utf-16", "ignore")
    try:
        # The head may end in the middle of a character.
        return "utf-8", head[: len(head) - 3].decode("utf-8") + head[len(head) - 3 :].decode(
            "utf-8", "ignore"
        )
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 6:
            return "utf-8", head.decode("utf-8", "ignore")
        return "windows-1252", head.decode("windows-1252", "replace")


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter that cuts the most lines into the same number, more than one, of fields."""

    def consistency(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        common = max(set(widths), key=lambda w: (widths.count(w), w)) if widths else 1
        return (widths.count(common) / len(widths), common) if common > 1 else (0.0, 1)

    return max((",", ";", "\t", "|"), key=consistency)


def _decimal_comma(table: pa.Table) -> bool:
    for column in table.columns:
        filled = column.filter(pc.not_equal(column, ""))
        comma = pc.sum(pc.match_substring_regex(filled, r"^-?[0-9]+,[0-9]+$")).as_py() or 0
        if comma and comma > (pc.sum(pc.match_substring_regex(filled, r"^-?[0-9]+\.[0-9]+$")).as_py() or 0):
            return True
    return False


def _excel(path: Path) -> tuple[dict, Cells]:
    import openpyxl

    from statloom.landing.read import excel

    workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        found = [(sheet.title, _header_rows(sheet)) for sheet in workbook.worksheets]
    finally:
        workbook.close()
    sheet, rows = next(((s, r) for s, r in found if r), (None, None))
    if sheet is None:
        raise DeliveryError("no sheet has a header with rows of numbers below it", file=path.name)
    form: dict = {"type": "excel", "sheet": sheet}
    if rows != [1]:
        form["header_rows"] = rows
    form["stop_at_blank"] = True
    return form, excel.cells(Format(**{**form, "header_rows": tuple(rows)}), path, path.name)


def _header_rows(sheet) -> list[int] | None:
    """Return the rows of text right above the first row that has a number, without titles of one cell."""
    header: list[int] = []
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(max_row=60, values_only=True), 1):
        filled = [value for value in row if value is not None and str(value).strip()]
        if (
            len(filled) > 1
            and any(isinstance(v, int | float) and not isinstance(v, bool) for v in filled)
            and header
        ):
            return header
        header = [*header, number] if filled and (len(filled) > 1 or header) else []
    return None


def _stata(path: Path) -> tuple[dict, Cells]:
    import pyreadstat

    try:
        frame, meta = pyreadstat.read_dta(str(path))
    except Exception as error:
        reason = f"not a readable Stata file, or a truncated one ({error})"
        raise DeliveryError(reason, file=path.name) from None
    columns = {}
    for name in frame:
        values, labels = frame[name], meta.variable_value_labels.get(name)
        if labels and not (PLACE.search(name) or STRATUM.search(name) or PSU.search(name)):
            values = values.map(labels)
        columns[name] = pa.array([_plain(v) for v in values], pa.string())
    return {"type": "stata"}, Cells(pa.table(columns), pa.array(range(1, len(frame) + 1), pa.int64()))


def _plain(value) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _json(path: Path, packed: bool) -> tuple[dict, Cells]:
    from statloom.landing.read import json_records

    form: dict = {"type": "json_records"} | ({"compression": "gzip"} if packed else {})
    found = json_records.document(path, path.name, form.get("compression"))
    place: list[str] = []
    while isinstance(found, dict):
        lists = [k for k, v in found.items() if isinstance(v, list) and v and isinstance(v[0], dict)]
        inner = lists or [k for k, v in found.items() if isinstance(v, dict)]
        if not inner:
            raise DeliveryError("no list of records in the JSON document", file=path.name)
        place.append(inner[0])
        found = found[inner[0]]
    if place:
        form["records"] = ".".join(place)
    return form, json_records.table(found, path.name)
