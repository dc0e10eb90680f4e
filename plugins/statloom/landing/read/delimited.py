"""CSV and its relatives, by Arrow's parser: columns of text; rows of another width are held out."""

import csv
import io
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from statloom.contracts.model import Format
from statloom.errors import DeliveryError
from statloom.landing.read import checks
from statloom.landing.read.cells import Cells
from statloom.landing.read.result import Quarantined

_BLOCK = 8 << 20


def cells(form: Format, path: Path, name: str, *, personal: bool = False) -> Cells:
    """Return the cells of a delimited text file, all as text.

    ``personal``: rows that do not parse may hold personal identifiers, so their text is not kept.
    Raises DeliveryError for a file that is truncated, not of the declared encoding, or has no header.
    """
    with tempfile.TemporaryDirectory(prefix="statloom-") as folder:
        text = Path(folder) / "text.csv"
        checks.to_utf8(path, name, text, form.encoding or "utf-8", form.compression)
        header = _header(text, form, name)
        return _parsed(text, form, header, name, personal)


def _header(text: Path, form: Format, name: str) -> list[str]:
    with text.open(encoding="utf-8", newline="") as file:
        head = file.read(checks.MAXIMUM_LINE * 2)
    lines = csv.reader(io.StringIO(head), delimiter=form.delimiter)
    csv.field_size_limit(checks.MAXIMUM_LINE)
    try:
        for _ in range(form.header_row - 1):
            next(lines)
        header = [cell.strip() for cell in next(lines)]
    except StopIteration:
        raise DeliveryError(f"no header in row {form.header_row}", file=name) from None
    twice = sorted({h for h in header if header.count(h) > 1})
    if twice:
        raise DeliveryError(
            f"the header has {', '.join(map(repr, twice))} more than once", file=name, row=form.header_row
        )
    return header


def _parsed(text: Path, form: Format, header: list[str], name: str, personal: bool) -> Cells:
    broken: list[tuple[int, int, str]] = []

    def hold_out(row: arrow_csv.InvalidRow) -> str:
        broken.append((row.number, row.actual_columns, "" if personal else row.text[:2000]))
        return "skip"

    try:
        table = arrow_csv.read_csv(
            text,
            read_options=arrow_csv.ReadOptions(
                use_threads=False,  # rows are numbered only then
                block_size=_BLOCK,
                column_names=header,
                skip_rows=form.header_row,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=form.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=hold_out,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={column: pa.string() for column in header}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error) or "Could not skip" in str(error):
            raise DeliveryError("a header and no rows", file=name) from None
        raise DeliveryError(f"not a delimited text: {str(error)[:300]}", file=name) from None
    rows = _row_numbers(table.num_rows, [number for number, _, _ in broken], form.header_row)
    _refuse_truncated(text, table.num_rows, broken, len(header), name)
    table, rows = _without_blank_rows(table, rows)
    if table.num_rows == 0 and not broken:
        raise DeliveryError("a header and no rows", file=name)
    return Cells(table, rows, [_held_out(b, len(header)) for b in broken if b[2].strip() or personal])


def _row_numbers(count: int, broken: list[int], header_row: int) -> pa.Array:
    """Return the row in the file of each of ``count`` parsed rows, given the rows that did not parse."""
    import numpy as np

    numbers = np.arange(header_row + 1, header_row + 1 + count + len(broken))
    keep = np.ones(len(numbers), bool)
    keep[np.array(broken, int) - header_row - 1] = False
    return pa.array(numbers[keep])


def _refuse_truncated(text: Path, count: int, broken: list, width: int, name: str) -> None:
    """Raise when the very last line has too few fields and no line end: the file stops in the middle of a
    row.
    """
    if not broken:
        return
    number, fields, _ = broken[-1]
    with text.open("rb") as file:
        file.seek(-1, 2)
        ended = file.read(1) in b"\r\n"
    last = number >= max(count + len(broken), 1) and not ended
    if last and fields < width:
        raise DeliveryError(
            f"the last line has {fields} of {width} fields and no line end: the file is truncated",
            file=name,
            row=number,
        )


def _without_blank_rows(table: pa.Table, rows: pa.Array) -> tuple[pa.Table, pa.Array]:
    filled = None
    for column in table.columns:
        has_text = pc.not_equal(pc.utf8_trim_whitespace(column), "")
        filled = has_text if filled is None else pc.or_(filled, has_text)
        if pc.all(filled).as_py():
            return table, rows
    if filled is None:
        return table, rows
    return table.filter(filled), rows.filter(filled.combine_chunks())


def _held_out(broken: tuple[int, int, str], width: int) -> Quarantined:
    number, fields, text = broken
    content = {"text": text} if text else {}
    return Quarantined(number, "read", None, f"{fields} fields where the header has {width}", content)
