"""Microdata as typed rows, batch by batch: what a file has, under the contract's names and types.

Nothing of it is written here, and no value of a person is in any message.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts.model import Column, Contract
from statloom.errors import DeliveryError
from statloom.landing.read import checks, headers, parcel, typed
from statloom.landing.read.cells import Cells
from statloom.landing.read.code_list import CodeList, plain
from statloom.landing.read.parcel import File
from statloom.landing.read.result import ROW_NUMBER, Quarantined


@dataclass
class Batch:
    """Rows of one record. ``table``: typed columns that go into the vault and those of its key and the keys
    above, and ``_row_number``; personal ones as they are, so not to be written. ``held_out``: rows that
    cannot be read. ``file``: as messages call it.
    """

    record: str
    table: pa.Table
    held_out: list[Quarantined]
    file: str


@dataclass
class Units:
    """A delivery of microdata. Iterating yields lists of batches: of the records of one stretch of the file,
    parents before children. ``code_lists`` (column → codes) and ``notes`` are complete after the last.

    Raises DeliveryError, while iterating, when the delivery cannot be read.
    """

    contract: Contract
    path: Path
    name: str
    folder: Path
    code_lists: dict[str, CodeList] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[list[Batch]]:
        try:
            for cells in self._cells():
                yield [
                    self._typed(record, *cells[record]) for record in self.contract.records if record in cells
                ]
        except DeliveryError as error:
            if error.source is None:
                raise DeliveryError(
                    error.reason,
                    source=self.contract.source,
                    file=error.file or self.name,
                    row=error.row,
                    column=error.column,
                ) from None
            raise

    def _cells(self) -> Iterator[dict[str, tuple[Cells, str]]]:
        """Yield record → (cells, file)."""
        files = parcel.files(self.contract, self.path, self.name, self.folder)
        kind = self.contract.format.type
        if kind == "cspro":
            from statloom.landing.read import cspro

            reader = cspro.Reader(self.contract, files)
            self.code_lists, self.notes = reader.code_lists, reader.notes
            for file, cells in reader:
                yield {record: (found, file) for record, found in cells.items()}
            return
        for record in self.contract.records:
            file = (
                files[0]
                if kind == "excel" and len(files) == 1
                else parcel.of_record(self.contract, record, files)
            )
            checks.check_bytes(file.path, file.name, text=kind == "csv")
            empty = True
            for cells in self._of_file(kind, record, file):
                empty = False
                yield {record: (cells, file.name)}
            if empty:
                raise DeliveryError("no rows", file=file.name)

    def _of_file(self, kind: str, record: str, file: File) -> Iterator[Cells]:
        from statloom.landing.read import unit_files

        if kind == "csv":
            return unit_files.delimited_cells(self.contract, record, file)
        if kind == "excel":
            return unit_files.excel_cells(self.contract, record, file)
        if kind == "parquet":
            return unit_files.parquet_cells(self.contract, record, file)
        return unit_files.labelled_cells(self.contract, record, file, kind, self.code_lists)

    def _typed(self, record: str, cells: Cells, file: str) -> Batch:
        contract = self.contract
        read = set(cells.table.column_names)
        columns = {
            # Its values are needed as they are, to tie records together and to be hashed.
            name: replace(column, role="key") if not column.kept else column
            for name, column in contract.columns.items()
            if name in read
        }
        absent = [
            column for column in contract.own(record).values() if column.in_vault and column.name not in read
        ]
        table = pa.table(
            {name: self._labelled(columns[name], cells.table.column(name)) for name in columns}
            | {column.name: pa.nulls(cells.table.num_rows, pa.string()) for column in absent}
        )
        columns |= {column.name: column for column in absent}
        narrowed = replace(contract, columns=columns, key=contract.whole_key(record))
        reading = typed.typed(narrowed, Cells(table, cells.rows, cells.broken), file)
        if reading.quarantined and contract.tolerance.unreadable_rows == 0:
            first = min(reading.quarantined, key=lambda row: row.row_number)
            count = len(reading.quarantined)
            more = f" ({count:,} such rows so far)" if count > 1 else ""
            raise DeliveryError(first.reason + more, file=file, row=first.row_number, column=first.column)
        return Batch(record, reading.table, reading.quarantined, file)

    def _labelled(self, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
        """Return labels in place of codes, where the column has some; a code without one stays."""
        if not headers.labelled(column):
            return values
        labels = self.code_lists[column.name].labels if column.name in self.code_lists else {}
        labels = {**labels, **(column.codes or {})}
        if not labels:
            return values
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
        encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        codes = [plain(code) if code is not None else None for code in encoded.dictionary.to_pylist()]
        shown = pa.array([None if code is None else labels.get(code, code) for code in codes], pa.string())
        return pc.take(shown, encoded.indices)


def row_numbers(batch: Batch) -> pa.ChunkedArray:
    """Return the row in the file of each row."""
    return batch.table.column(ROW_NUMBER)
