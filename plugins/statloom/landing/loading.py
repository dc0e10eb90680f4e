"""From the archive to raw, in one transaction a delivery."""

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
from sqlalchemy import Connection, Engine, Row, text

from statloom.contracts.conditions import quoted
from statloom.contracts.model import Contract
from statloom.contracts.registration import register
from statloom.errors import StatloomError
from statloom.landing import periods, references, working
from statloom.landing.archive import Archive
from statloom.landing.database import stopped_database_named
from statloom.landing.fetching import reader_version
from statloom.landing.read import Reading, read
from statloom.landing.read.result import ROW_NUMBER

DELIVERY_ID = "_delivery_id"
_CONTENT_LIMIT = 10_000


@dataclass(frozen=True)
class Loaded:
    """Rows of one delivery: read = loaded + quarantined. ``notes``: what a person should know."""

    rows_read: int
    rows_loaded: int
    rows_quarantined: int
    notes: tuple[str, ...] = ()


def load(contract: Contract, delivery_id: int, *, engine: Engine, archive: str) -> Loaded:
    """Load an archived delivery into ``raw.<source>``; an earlier load of it is replaced.

    One transaction: raw rows, quarantined rows, places of the references, periods, and status `loaded`.
    Raises DeliveryError when the delivery cannot be read, and StatloomError when the database stops or its
    disk is full: then nothing has changed, and the same call completes later.
    """
    doing = f"delivery {delivery_id} of {contract.source} was being loaded"
    with stopped_database_named(doing):
        with engine.connect() as connection:
            delivery = _delivery(connection, contract, delivery_id)
        register(engine, [contract])
        with working.folder(contract) as folder:
            path = Archive(archive).get(delivery.archive_key, folder, delivery.file_name)
            reading = _read(contract, delivery, path, folder)
        places = references.resolved(engine, contract, reading.table)
        with engine.begin() as connection:
            return _write(connection, contract, delivery_id, reading, places)


def _delivery(connection: Connection, contract: Contract, delivery_id: int) -> Row:
    delivery = connection.execute(
        text("select * from landing.delivery where delivery_id = :id and source_id = :source"),
        {"id": delivery_id, "source": contract.source},
    ).one_or_none()
    if delivery is None:
        raise StatloomError(f"{contract.source} has no delivery {delivery_id}")
    return delivery


def _read(contract: Contract, delivery: Row, path: Path, folder: Path) -> Reading:
    if contract.microdata:
        from statloom.landing import microdata

        return microdata.read(contract, delivery, path, folder)
    return read(contract, path, name=delivery.file_name)


def _write(
    connection: Connection, contract: Contract, delivery_id: int, reading: Reading, places: references.Places
) -> Loaded:
    # The row is locked: a second load of the same delivery waits, and then replaces what this one wrote.
    connection.execute(
        text("select 1 from landing.delivery where delivery_id = :id for update"), {"id": delivery_id}
    )
    table = f"raw.{quoted(contract.source)}"
    connection.execute(text(f"delete from {table} where _delivery_id = :id"), {"id": delivery_id})  # noqa: S608
    connection.execute(
        text("delete from quality.quarantined_row where delivery_id = :id"), {"id": delivery_id}
    )
    _quarantine(connection, contract, delivery_id, reading)
    copy(connection, table, numbered(reading.table, delivery_id))
    if reading.taken is not None:
        from statloom.landing import profiles

        profiles.write(connection, contract, delivery_id, reading.taken)
    references.write(connection, contract, places)
    periods.write(connection, contract, reading.table)
    loaded = Loaded(reading.rows_read, reading.table.num_rows, len(reading.quarantined), tuple(reading.notes))
    connection.execute(
        text(
            "update landing.delivery set status = 'loaded', reason = :notes, rows_read = :read,"
            " rows_loaded = :loaded, rows_quarantined = :quarantined, contract_sha256 = :contract,"
            " code_version = :code, loaded_at = now(), judged_at = null where delivery_id = :id"
        ),
        {
            "notes": "; ".join(reading.notes) or None,
            "read": loaded.rows_read,
            "loaded": loaded.rows_loaded,
            "quarantined": loaded.rows_quarantined,
            "contract": contract.sha256,
            "code": reader_version(),
            "id": delivery_id,
        },
    )
    return loaded


def numbered(table: pa.Table, delivery_id: int) -> pa.Table:
    """Return ``table`` with the delivery's id on every row."""
    return table.append_column(DELIVERY_ID, pa.array([delivery_id] * table.num_rows, pa.int64()))


def copy(connection: Connection, table: str, rows: pa.Table) -> None:
    """Add ``rows`` to ``table`` (a quoted name) by COPY, within the connection's transaction."""
    columns = ", ".join(quoted(name) for name in rows.column_names)
    cursor = connection.connection.driver_connection.cursor()
    with cursor, cursor.copy(f"copy {table} ({columns}) from stdin (format csv)") as sink:
        options = arrow_csv.WriteOptions(include_header=False, batch_size=8192, quoting_style="needed")
        with arrow_csv.CSVWriter(_Sink(sink), rows.schema, write_options=options) as writer:
            writer.write_table(rows)


class _Sink:
    """A psycopg COPY as a file that Arrow can write to."""

    closed = False

    def __init__(self, copying) -> None:
        self._copying = copying

    def write(self, data) -> int:
        self._copying.write(bytes(data))
        return len(data)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def _quarantine(connection: Connection, contract: Contract, delivery_id: int, reading: Reading) -> None:
    if not reading.quarantined:
        return
    rows = pa.table(
        {
            "source_id": [contract.source] * len(reading.quarantined),
            "delivery_id": [delivery_id] * len(reading.quarantined),
            "row_number": [row.row_number for row in reading.quarantined],
            "stage": [row.stage for row in reading.quarantined],
            "column_name": pa.array([row.column for row in reading.quarantined], pa.string()),
            "reason": [row.reason for row in reading.quarantined],
            "content": [_content(row.content) for row in reading.quarantined],
        }
    )
    copy(connection, "quality.quarantined_row", rows)


def _content(content: dict) -> str:
    kept = {name: value for name, value in content.items() if name != ROW_NUMBER}
    text_ = json.dumps(kept, ensure_ascii=False, default=str)
    return text_ if len(text_) <= _CONTENT_LIMIT else json.dumps({"too_long": len(text_)})
