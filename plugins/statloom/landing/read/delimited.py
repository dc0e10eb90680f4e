"""CSV and its relatives, by Arrow's parser: columns of text; rows of another width are held out."""

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
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


def batches(
    form: Format, path: Path, name: str, chosen: Callable[[list[str]], dict[str, str]]
) -> Iterator[Cells]:
    """Yield the cells of a delimited text in batches, all as text, without a copy of the file on the disk.

    ``chosen``: header of the file → {header: column}, what is read and as what it is called. No text of a row
    that does not parse is kept. Raises DeliveryError as `cells`.
    """
    source = _Utf8(checks.utf8(path, name, form.encoding or "utf-8", form.compression))
    # Where the header is missing, the first row stands in its place, and is a person's.
    header = _header_of(source.head().decode("utf-8", "replace"), form, name, shown=False)
    columns = chosen(header)
    broken: list[tuple[int, int, str]] = []

    def hold_out(row: arrow_csv.InvalidRow) -> str:
        broken.append((row.number, row.actual_columns, ""))
        return "skip"

    count = 0
    for batch in _streamed(source, form, header, list(columns), hold_out, name):
        table = pa.Table.from_batches([batch]).select(list(columns)).rename_columns(list(columns.values()))
        rows = _next_rows(form.header_row + 1 + count, table.num_rows, [number for number, _, _ in broken])
        held_out, broken = broken, []
        # Rows held out are numbered too; those of a later block stay until it comes.
        last = rows[-1].as_py() if table.num_rows else form.header_row + count + len(held_out)
        broken = [each for each in held_out if each[0] > last]
        held_out = [each for each in held_out if each[0] <= last]
        count += table.num_rows + len(held_out)
        table, rows = _without_blank_rows(table, rows)
        yield Cells(table, rows, [_held_out(each, len(header)) for each in held_out])
    if broken:
        number, fields, _ = broken[-1]
        if not source.ended_by_line and fields < len(header):
            raise DeliveryError(
                f"the last line has {fields} of {len(header)} fields and no line end: the file is truncated",
                file=name,
                row=number,
            )
        empty = pa.table({column: pa.array([], pa.string()) for column in columns.values()})
        yield Cells(empty, pa.array([], pa.int64()), [_held_out(each, len(header)) for each in broken])


def _next_rows(first: int, count: int, broken: list[int]) -> pa.Array:
    """Return the row in the file of each of the next ``count`` parsed rows, of which ``first`` may be one."""
    import numpy as np

    numbers = np.arange(first, first + count + len(broken))
    return pa.array(numbers[~np.isin(numbers, broken)][:count])


def _parsing(form: Format, hold_out) -> arrow_csv.ParseOptions:
    return arrow_csv.ParseOptions(
        delimiter=form.delimiter,
        newlines_in_values=True,
        ignore_empty_lines=False,
        invalid_row_handler=hold_out,
    )


def _streamed(source: "_Utf8", form: Format, header: list[str], columns: list[str], hold_out, name: str):
    try:
        yield from arrow_csv.open_csv(
            source,
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=_BLOCK, column_names=header, skip_rows=form.header_row
            ),
            parse_options=_parsing(form, hold_out),
            convert_options=arrow_csv.ConvertOptions(
                column_types={column: pa.string() for column in header},
                include_columns=columns,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error) or "Could not skip" in str(error):
            raise DeliveryError("a header and no rows", file=name) from None
        # What Arrow says of a row may have parts of it.
        raise DeliveryError("not a delimited text of the declared form", file=name) from None


class _Utf8:
    """Chunks of bytes as a file that Arrow reads from; keeps what stands at the end."""

    closed = False

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._waiting, self.ended_by_line = chunks, b"", False

    def _fill(self, size: int) -> None:
        parts, length = [self._waiting], len(self._waiting)
        while length < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            length += len(chunk)
        self._waiting = b"".join(parts)

    def head(self) -> bytes:
        """Return the beginning, which stays to be read."""
        self._fill(checks.MAXIMUM_LINE)
        return self._waiting[: checks.MAXIMUM_LINE * 2]

    def read(self, size: int = -1) -> bytes:
        self._fill(size if size >= 0 else 1 << 62)
        size = len(self._waiting) if size < 0 else size
        found, self._waiting = self._waiting[:size], self._waiting[size:]
        if found:
            self.ended_by_line = found[-1:] in (b"\n", b"\r")
        return found

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


def _header(text: Path, form: Format, name: str) -> list[str]:
    with text.open(encoding="utf-8", newline="") as file:
        head = file.read(checks.MAXIMUM_LINE * 2)
    return _header_of(head, form, name)


def _header_of(head: str, form: Format, name: str, *, shown: bool = True) -> list[str]:
    lines = csv.reader(io.StringIO(head), delimiter=form.delimiter)
    csv.field_size_limit(checks.MAXIMUM_LINE)
    try:
        for _ in range(form.header_row - 1):
            next(lines)
        header = [cell.strip() for cell in next(lines)]
    except StopIteration:
        raise DeliveryError(f"no header in row {form.header_row}", file=name) from None
    if len(header) > checks.MAXIMUM_COLUMNS:
        raise DeliveryError(
            f"{len(header):,} columns are more than the limit of {checks.MAXIMUM_COLUMNS:,}",
            file=name,
            row=form.header_row,
        )
    twice = sorted(h for h, times in Counter(header).items() if times > 1)
    if twice:
        what = ", ".join(map(repr, twice)) if shown else "a name"
        raise DeliveryError(f"the header has {what} more than once", file=name, row=form.header_row)
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
            parse_options=_parsing(form, hold_out),
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
