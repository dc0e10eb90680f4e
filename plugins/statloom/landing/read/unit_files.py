"""Files of microdata with one record, as cells in batches: CSV, Excel, Stata, SPSS, Parquet."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from statloom.contracts.model import Contract
from statloom.errors import DeliveryError
from statloom.landing.read import checks, headers
from statloom.landing.read.cells import Cells
from statloom.landing.read.code_list import CodeList, plain
from statloom.landing.read.parcel import File

ROWS = 200_000
_BATCH_BYTES = 512 << 20


def delimited_cells(contract: Contract, record: str, file: File) -> Iterator[Cells]:
    """Yield the cells of a delimited text, all as text; the header is row 1."""
    from statloom.landing.read import delimited

    form = contract.format
    if form.compression == "zip":
        form = replace(form, compression=None)
    yield from delimited.batches(
        form, file.path, file.name, lambda header: headers.wanted(contract, record, header, file.name)
    )


def excel_cells(contract: Contract, record: str, file: File) -> Iterator[Cells]:
    """Yield the cells of one sheet, as text."""
    from statloom.landing.read import excel

    sheet = contract.records[record].sheet or contract.format.sheet
    try:
        cells = excel.cells(replace(contract.format, sheet=sheet), file.path, file.name)
    except DeliveryError as error:
        # What the reader of workbooks says besides may have the content of a cell.
        reason = error.reason.partition(" (")[0] if "read" in error.reason else error.reason
        if reason.startswith("the header has"):
            reason = "the header has a name more than once"
        raise DeliveryError(reason, file=error.file, row=error.row, column=error.column) from None
    yield _chosen(contract, record, cells, file)


def parquet_cells(contract: Contract, record: str, file: File) -> Iterator[Cells]:
    """Yield the cells of a Parquet file, in native types; a row is its number, from 1."""
    try:
        opened = parquet.ParquetFile(file.path)
        meta = opened.metadata
        names = opened.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise DeliveryError(
            f"not a readable Parquet file, or a truncated one ({error})", file=file.name
        ) from None
    unpacked = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    # What the file says of its bytes is before runs of equal values are written out.
    unpacked = max(unpacked, meta.num_rows)
    if unpacked > checks.maximum_bytes():
        raise DeliveryError(
            f"unpacks to {unpacked:,} bytes, more than the limit of {checks.maximum_bytes():,}",
            file=file.name,
        )
    chosen = headers.wanted(contract, record, names, file.name)
    first = 1
    try:
        for batch in opened.iter_batches(ROWS, columns=list(chosen)):
            table = pa.Table.from_batches([batch]).rename_columns(
                [chosen[name] for name in batch.schema.names]
            )
            table = pa.table({name: _decoded(table.column(name)) for name in table.column_names})
            yield Cells(table, pa.array(range(first, first + table.num_rows), pa.int64()))
            first += table.num_rows
    except (pa.ArrowException, OSError) as error:
        raise DeliveryError(f"the Parquet file is damaged ({error})", file=file.name, row=first) from None


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return plain values of dictionaries and long strings, dates of timestamps at midnight."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    return column


def labelled_cells(
    contract: Contract, record: str, file: File, kind: str, code_lists: dict[str, CodeList]
) -> Iterator[Cells]:
    """Yield the cells of a Stata (``kind``: stata) or SPSS (spss) file, codes as they are; a row is the
    observation's number, from 1. The file's labels are added to ``code_lists``.

    Personal identifiers that are not needed, and ignored columns, are not read.
    """
    import pyreadstat

    reader = pyreadstat.read_dta if kind == "stata" else pyreadstat.read_sav
    what = "Stata" if kind == "stata" else "SPSS"
    options = {"encoding": contract.format.encoding} if contract.format.encoding else {}
    meta = _read(reader, file, what, metadataonly=True, **options)[1]
    chosen = headers.wanted(contract, record, list(meta.column_names), file.name)
    first, expected = 0, meta.number_rows
    width = sum(meta.variable_storage_width.get(header, 8) + 8 for header in chosen)
    rows = max(1, min(ROWS, _BATCH_BYTES // max(width, 1)))
    while True:
        frame, found = _read(
            reader, file, what, usecols=list(chosen), row_offset=first, row_limit=rows, **options
        )
        if first == 0:
            _add_labels(chosen, found, code_lists)
        if len(frame) == 0:
            break
        table = pa.table({column: _native(frame[header]) for header, column in chosen.items()})
        yield Cells(table, pa.array(range(first + 1, first + 1 + len(frame)), pa.int64()))
        first += len(frame)
        if len(frame) < rows:
            break
    if expected is not None and 0 <= expected != first:
        raise DeliveryError(
            f"the file ends in the middle: it announces {expected:,} observations and has {first:,}",
            file=file.name,
            row=first + 1,
        )
    if first == 0:
        raise DeliveryError("the file has no observations", file=file.name)


def _read(reader: Callable, file: File, what: str, **options):
    try:
        return reader(str(file.path), **options)
    except Exception as error:  # pyreadstat has one class for all, and lets some of its own bugs through
        raise DeliveryError(
            f"not a readable {what} file, or a truncated one ({error})", file=file.name
        ) from None


def _native(values: pd.Series) -> pa.Array:
    try:
        found = pa.Array.from_pandas(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return found.cast(pa.string()) if pa.types.is_large_string(found.type) else found


def _add_labels(chosen: dict[str, str], meta, code_lists: dict[str, CodeList]) -> None:
    for header, labels in meta.variable_value_labels.items():
        if header in chosen and labels:
            # Stata and SPSS label what they like: an unlabelled value need not be wrong.
            numbers = {plain(code): str(label).strip() for code, label in labels.items()}
            code_lists[chosen[header]] = CodeList(numbers, complete=False)


def _chosen(contract: Contract, record: str, cells: Cells, file: File) -> Cells:
    chosen = headers.wanted(contract, record, cells.table.column_names, file.name)
    table = cells.table.select(list(chosen)).rename_columns(list(chosen.values()))
    return Cells(table, cells.rows, cells.broken)
