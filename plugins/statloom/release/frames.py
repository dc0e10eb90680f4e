"""Query results as Arrow tables, by way of COPY."""

import tempfile
from collections.abc import Iterator
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import Connection

from statloom.errors import StatloomError
from statloom.publication.sql import run

_ARROW = {
    "double precision": pa.float64(),
    "numeric": pa.float64(),
    "bigint": pa.int64(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}
_BLOCK = 16 << 20
_ROWS_AT_ONCE = 10_000


def read(connection: Connection, select: str, columns: dict[str, str]) -> pa.Table:
    """Return the rows of ``select``, which yields ``columns`` (name → PostgreSQL type), as an Arrow table.

    Types without a counterpart become text. Null and the empty text stay apart.
    """
    schema = _schema(columns)
    with tempfile.TemporaryFile() as file:
        _copy(connection, select, file)
        if not file.tell():
            return schema.empty_table()
        file.seek(0)
        return pa_csv.read_csv(file, *_options(schema)).combine_chunks()


def by_value(
    connection: Connection, select: str, columns: dict[str, str], column: str
) -> Iterator[tuple[str, pa.Table]]:
    """Return the rows of ``select`` in parts, one for each value of ``column``, by which they are sorted.

    One statement for all parts; in memory is one part at a time.
    """
    schema = _schema(columns)
    with tempfile.TemporaryFile() as file:
        _copy(connection, select, file)
        if not file.tell():
            return
        file.seek(0)
        value, kept = None, []
        for batch in pa_csv.open_csv(file, *_options(schema)):
            for next_value, part in _runs(batch, column):
                if next_value != value and kept:
                    yield value, pa.Table.from_batches(kept, schema).combine_chunks()
                    kept = []
                value = next_value
                kept.append(part)
        yield value, pa.Table.from_batches(kept, schema).combine_chunks()


def empty(columns: dict[str, str]) -> pa.Table:
    """Return an Arrow table with ``columns`` (name → PostgreSQL type) and no rows."""
    return _schema(columns).empty_table()


def _runs(batch: pa.RecordBatch, column: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    runs = pc.run_end_encode(batch[column])
    start = 0
    for value, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        yield value, batch.slice(start, end - start)
        start = end


def _schema(columns: dict[str, str]) -> pa.Schema:
    return pa.schema([(name, _ARROW.get(kind, pa.string())) for name, kind in columns.items()])


def _options(schema: pa.Schema) -> tuple:
    return (
        pa_csv.ReadOptions(column_names=schema.names, block_size=_BLOCK),
        pa_csv.ParseOptions(newlines_in_values=True),
        pa_csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )


def _copy(connection: Connection, select: str, file: IO[bytes]) -> None:
    """Write the rows of ``select`` to ``file`` as CSV.

    By libpq itself: the server sends each row on its own, and psycopg's own loop costs more than all the
    rest of reading them.
    """
    wire = connection.connection.driver_connection.pgconn
    if wire.transaction_status == TransactionStatus.IDLE:
        run(connection, "select 1")  # the transaction begins: all that is read is of one publication
    result = wire.exec_(f"copy ({select}) to stdout with (format csv)".encode())
    if result.status != ExecStatus.COPY_OUT:
        raise StatloomError(f"the warehouse could not be read: {wire.get_error_message()}")
    rows = []
    while True:
        length, row = wire.get_copy_data(0)
        if length < 0:
            break
        rows.append(bytes(row))
        if len(rows) == _ROWS_AT_ONCE:
            file.write(b"".join(rows))
            rows.clear()
    file.write(b"".join(rows))
    while ended := wire.get_result():
        if ended.status != ExecStatus.COMMAND_OK:
            raise StatloomError(f"the warehouse could not be read: {wire.get_error_message()}")
