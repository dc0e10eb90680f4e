"""Writing the records of one delivery into the vault, row group by row group."""

import os

import pyarrow as pa
import pyarrow.parquet as parquet

from statloom import processes
from statloom.contracts.model import Contract
from statloom.microdata.vault import location
from statloom.microdata.vault.location import Location
from statloom.microdata.vault.reading import CONTRACT, Stored

ROW_NUMBER = "_row_number"
ARROW_TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}
ROWS_PER_GROUP = 122_880
_BUFFERED = 4 * ROWS_PER_GROUP


def schema(contract: Contract, record: str) -> pa.Schema:
    """Return the columns of ``record`` in the vault: its own, its number and its parent's, its row in the
    file."""
    fields = [
        pa.field(name, ARROW_TYPES[column.vault_type])
        for name, column in contract.own(record).items()
        if column.in_vault
    ]
    numbers = [contract.records[each].number for each in contract.lineage(record)[:2]]
    fields += [pa.field(name, pa.int64()) for name in (*numbers, ROW_NUMBER)]
    return pa.schema(fields, metadata={CONTRACT: contract.sha256})


class Writer:
    """The records of one delivery, on their way into the vault.

    Nobody sees them before `commit`; without it, `close` removes them. A context manager.
    """

    def __init__(self, contract: Contract, sha256: str) -> None:
        self._contract, self._sha256 = contract, sha256
        source = location.of_source(contract.source)
        source.make(below=Location(location.root()).path)
        _remove_leftovers(source)
        self.draft = Location(source.file(f".{sha256}.{os.getpid()}"))
        self.draft.remove()
        self.draft.make()
        self._files: dict[str, parquet.ParquetWriter] = {}
        self._closing: list = []
        self._waiting: dict[str, list[pa.Table]] = {name: [] for name in contract.records}
        for name in contract.records:
            file = self.draft.create(_file(name))
            self._closing.append(file.close)
            self._files[name] = parquet.ParquetWriter(
                file, schema(contract, name), compression="zstd", write_page_index=True
            )

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, record: str, table: pa.Table) -> None:
        """Add rows of ``record``: the columns of `schema`."""
        waiting = self._waiting[record]
        waiting.append(table.select(self._files[record].schema.names).cast(self._files[record].schema))
        if sum(part.num_rows for part in waiting) >= _BUFFERED:
            self._flush(record, keep=True)

    def _flush(self, record: str, *, keep: bool) -> None:
        rows = pa.concat_tables(self._waiting[record]) if self._waiting[record] else None
        if rows is None:
            return
        whole = rows.num_rows - rows.num_rows % ROWS_PER_GROUP if keep else rows.num_rows
        if whole:
            self._files[record].write_table(rows.slice(0, whole), row_group_size=ROWS_PER_GROUP)
        self._waiting[record] = [rows.slice(whole)] if whole < rows.num_rows else []

    def finish(self) -> Stored:
        """Write what waits, and return the records as they will lie in the vault."""
        for record in self._files:
            self._flush(record, keep=False)
        self._end()
        return Stored(self._contract, self.draft)

    def commit(self) -> Stored:
        """Put the finished records in their place in the vault, instead of those of an earlier load."""
        target = location.of_delivery(self._contract.source, self._sha256)
        target.make()
        for record in self._contract.records:
            self.draft.move(_file(record), target)
        wanted = {_file(record) for record in self._contract.records}
        for name in set(target.names()) - wanted:
            target.files.rm(target.file(name), recursive=True)
        self.draft.remove()
        return Stored(self._contract, target)

    def _end(self) -> None:
        files, self._files = self._files, {}
        closing, self._closing = self._closing, []
        for file in files.values():
            file.close()
        for close in closing:
            close()

    def close(self) -> None:
        """Remove what was not committed."""
        try:
            self._end()
        finally:
            self.draft.remove()


def _file(record: str) -> str:
    return f"{record}.parquet"


def _remove_leftovers(source: Location) -> None:
    """Remove drafts of processes that have died."""
    if not source.local:
        return
    for name in source.names():
        pid = name.rpartition(".")[2]
        if name.startswith(".") and pid.isdigit() and not processes.alive(int(pid)):
            Location(source.file(name)).remove()
