"""Excel workbooks (xlsx) as offices make them: title rows, merged headers, notes below the table."""

import re
import zipfile
import zlib
from datetime import date, datetime, time
from pathlib import Path
from xml.parsers import expat

import pyarrow as pa

from statloom.contracts.model import Format
from statloom.errors import DeliveryError
from statloom.landing.read import checks
from statloom.landing.read.cells import Cells

_MOST_PARTS = 10_000
_PROLOGUE = 1 << 20
_MERGED = re.compile(rb'<mergeCell [^>]*?ref="([A-Z]{1,3})(\d+):([A-Z]{1,3})(\d+)"')


def cells(form: Format, path: Path, name: str) -> Cells:
    """Return the cells of one sheet, as text; whole numbers without a decimal part, dates as ISO 8601.

    Raises DeliveryError for a workbook that is truncated, unpacks beyond the size limit or lacks the sheet.
    """
    import openpyxl

    _check_archive(path, name)
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # openpyxl raises whatever the damage leads to
        raise DeliveryError(f"not a readable Excel workbook ({error})", file=name) from None
    try:
        sheet = _sheet(workbook, form, name)
        return _read(workbook, sheet, form, path, name)
    finally:
        workbook.close()


def _check_archive(path: Path, name: str) -> None:
    with path.open("rb") as file:
        start = file.read(8)
    if start == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise DeliveryError(
            "an old Excel file (.xls) or one with a password; save it as .xlsx without one", file=name
        )
    if start[:2] != b"PK":
        raise DeliveryError("not an Excel workbook", file=name)
    try:
        checks.check_directory(path, name, _MOST_PARTS)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > (limit := min(checks.MAXIMUM_DOCUMENT, checks.maximum_bytes())):
                raise DeliveryError(
                    f"unpacks to {size:,} bytes, more than the limit of {limit:,} for a workbook", file=name
                )
            checks.check_growth(path.stat().st_size, size, name)
            for entry in entries:
                if entry.filename.lower().endswith((".xml", ".rels", ".vml")):
                    with archive.open(entry) as part:
                        _refuse_entities(part, f"{name}, {entry.filename}")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error):
        raise DeliveryError("the workbook's archive is damaged or truncated", file=name) from None


def _refuse_entities(part, name: str) -> None:
    """Raise when a part of the workbook has a document type, which no workbook needs and with which it could
    name other files, or grow without end.
    """

    class Begun(Exception):
        pass

    def doctype(*_: object) -> None:
        raise DeliveryError("XML with a document type of its own: refused", file=name)

    def element(*_: object) -> None:
        raise Begun

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler, parser.StartElementHandler = doctype, element
    read = 0
    try:
        while (chunk := part.read(4096)) and read < _PROLOGUE:
            parser.Parse(chunk)
            read += len(chunk)
    except Begun:
        return
    except expat.ExpatError as error:
        raise DeliveryError(f"not XML ({error})", file=name) from None
    if read:
        raise DeliveryError("XML without content", file=name)


def _sheet(workbook, form: Format, name: str):
    if form.sheet is None:
        return workbook.worksheets[0]
    if form.sheet not in workbook.sheetnames:
        raise DeliveryError(
            f"no sheet {form.sheet!r}; the workbook has {', '.join(map(repr, workbook.sheetnames))}",
            file=name,
        )
    return workbook[form.sheet]


def _read(workbook, sheet, form: Format, path: Path, name: str) -> Cells:
    header_rows, first = form.header_rows, form.first_row or max(form.header_rows) + 1
    header: dict[int, list] = {}
    rows, numbers = [], []
    sheet.reset_dimensions()
    try:
        for number, row in enumerate(
            sheet.iter_rows(values_only=True, max_col=checks.MAXIMUM_COLUMNS), start=1
        ):
            if number in header_rows:
                header[number] = list(row)
            elif number >= first:
                if all(value is None or (isinstance(value, str) and not value.strip()) for value in row):
                    if form.stop_at_blank:
                        break
                    continue
                rows.append(row)
                numbers.append(number)
    except Exception as error:  # as above
        raise DeliveryError(f"the sheet cannot be read to its end ({error})", file=name) from None
    missing = [number for number in header_rows if number not in header]
    if missing:
        raise DeliveryError("the sheet ends before the header", file=name, row=missing[0])
    names = _header(header, _merges(path, sheet))
    if not rows:
        raise DeliveryError("a header and no rows", file=name)
    return _table(names, rows, numbers, name, max(header_rows))


def _merges(path: Path, sheet) -> list[tuple[int, int, int, int]]:
    """Return the merged ranges of ``sheet`` as (first column, first row, last column, last row), 1-based.

    Reading row by row, openpyxl does not know them: they stand after the cells.
    """
    from openpyxl.utils import column_index_from_string as index

    part = sheet._worksheet_path.lstrip("/")
    found, tail = [], b""
    with zipfile.ZipFile(path) as archive, archive.open(part) as file:
        while chunk := file.read(checks.CHUNK):
            text = tail + chunk
            matches = list(_MERGED.finditer(text))
            found.extend(matches)
            tail = text[max(len(text) - 200, matches[-1].end() if matches else 0) :]
    return [(index(m[1].decode()), int(m[2]), index(m[3].decode()), int(m[4])) for m in found]


def _header(header: dict[int, list], merges: list[tuple[int, int, int, int]]) -> list[str]:
    width = max(map(len, header.values()))
    grid = {number: row + [None] * (width - len(row)) for number, row in header.items()}
    for first_column, first_row, last_column, last_row in merges:
        if first_row not in grid or first_column > width:
            continue
        value = grid[first_row][first_column - 1]
        for number in range(first_row, last_row + 1):
            for column in range(first_column, min(last_column, width) + 1):
                if number in grid:
                    grid[number][column - 1] = value
    names = []
    for column in range(width):
        parts = [
            " ".join(str(grid[number][column]).split()) for number in sorted(grid) if grid[number][column]
        ]
        names.append(" / ".join(dict.fromkeys(parts)))
    return names


def _table(names: list[str], rows: list[tuple], numbers: list[int], name: str, header_row: int) -> Cells:
    width = len(names)
    columns, headers = [], []
    for i, header in enumerate(names):
        values = [_text(row[i]) if i < len(row) else None for row in rows]
        if not header:
            if any(values):
                first = next(n for n, v in zip(numbers, values, strict=True) if v)
                raise DeliveryError(
                    f"cells below an empty header, in column {i + 1} of the sheet", file=name, row=first
                )
            continue
        if header in headers:
            raise DeliveryError(f"the header has {header!r} more than once", file=name, row=header_row)
        headers.append(header)
        columns.append(pa.array(values, pa.string()))
    for number, row in zip(numbers, rows, strict=True):
        if any(value is not None for value in row[width:]):
            raise DeliveryError("a row is longer than the header", file=name, row=number)
    return Cells(pa.table(columns, names=headers), pa.array(numbers, pa.int64()))


def _text(value) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
