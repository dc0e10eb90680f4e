"""Look at a source; keep what is new in the archive."""

import getpass
import hashlib
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from statloom import connectors
from statloom.connectors.connections import Lookup, without_secrets
from statloom.contracts.model import Contract
from statloom.landing import working
from statloom.landing.archive import Archive, Stored
from statloom.landing.database import stopped_database_named


@dataclass(frozen=True)
class Fetched:
    """``outcome``: new (the delivery is to be loaded) or unchanged; ``delivery_id`` in both cases."""

    outcome: str
    delivery_id: int | None


def fetch(
    contract: Contract, *, archive: str, engine: Engine, run_id: str | None, lookup: Lookup | None = None
) -> Fetched:
    """Fetch the source's present delivery into ``archive`` (a folder or fsspec URL).

    The outcome is `unchanged` when it is the delivery that was judged last, under the same contract and
    reader. A delivery that was rejected, was not loaded to its end, or whose contract or reader has changed
    is `new` under its old id. Every look is recorded in ``landing.fetch``.
    Raises StatloomError or DeliveryError when there is no delivery to be had; then nothing else has changed.
    """
    doing = f"{contract.source} was being fetched"
    try:
        with working.folder(contract) as folder:
            payload = connectors.fetch(contract, lookup, folder)
            stored = Archive(archive).put(payload, sealed=contract.microdata)
    except Exception as error:
        with stopped_database_named(doing), engine.begin() as connection:
            _record(
                connection,
                contract,
                "failed",
                _address(contract),
                run_id,
                message=without_secrets(error)[:2000],
            )
        raise
    with stopped_database_named(doing), engine.begin() as connection:
        # Two looks at one source at the same moment must not both find it new.
        connection.execute(
            text("select pg_advisory_xact_lock(hashtextextended(:source, 0))"), {"source": contract.source}
        )
        delivery_id, settled = _delivery(connection, contract, stored, payload.fetched_from)
        outcome = "unchanged" if settled else "new"
        _record(connection, contract, outcome, payload.fetched_from, run_id, stored)
        replaced = _moved(connection, delivery_id, stored)
    if replaced is not None:
        Archive(archive).remove(replaced)
    return Fetched(outcome, delivery_id)


def _delivery(connection: Connection, contract: Contract, stored: Stored, address: str) -> tuple[int, bool]:
    """Return the id of the delivery, and whether nothing is left to do with it."""
    known = connection.execute(
        text(
            "select d.delivery_id, d.status, d.contract_sha256, d.code_version,"
            # A source may go back to an earlier delivery: that one is judged again, and is current.
            " exists (select from landing.delivery later where later.source_id = d.source_id"
            "  and later.status in ('accepted', 'held_back') and later.judged_at > d.judged_at) as overtaken"
            " from landing.delivery d where d.source_id = :source and d.sha256 = :sha256"
        ),
        {"source": contract.source, "sha256": stored.sha256},
    ).one_or_none()
    if known is None:
        delivery_id = connection.scalar(
            text(
                "insert into landing.delivery"
                " (source_id, sha256, size_bytes, file_name, archive_key, fetched_from, fetched_by)"
                " values (:source, :sha256, :size, :name, :key, :address, :by) returning delivery_id"
            ),
            {
                "source": contract.source,
                "sha256": stored.sha256,
                "size": stored.size,
                "name": stored.file_name,
                "key": stored.key,
                "address": address,
                "by": whoami(),
            },
        )
        return delivery_id, False
    settled = (
        known.status in ("accepted", "held_back")
        and known.contract_sha256 == contract.sha256
        and known.code_version == reader_version()
        and not known.overtaken
    )
    return known.delivery_id, settled


def _moved(connection: Connection, delivery_id: int, stored: Stored) -> str | None:
    """Note where the delivery lies now; return its earlier place where nothing else needs that.

    A source that has become microdata leaves nothing readable behind.
    """
    before = connection.scalar(
        text("select archive_key from landing.delivery where delivery_id = :id"), {"id": delivery_id}
    )
    if before == stored.key:
        return None
    connection.execute(
        text("update landing.delivery set archive_key = :key where delivery_id = :id"),
        {"key": stored.key, "id": delivery_id},
    )
    needed = connection.scalar(
        text("select exists (select from landing.delivery where archive_key = :key)"), {"key": before}
    )
    return None if needed else before


def _record(
    connection: Connection,
    contract: Contract,
    outcome: str,
    address: str,
    run_id: str | None,
    stored: Stored | None = None,
    message: str | None = None,
) -> None:
    connection.execute(
        text(
            "insert into landing.fetch"
            " (source_id, fetched_by, fetched_from, outcome, sha256, size_bytes, message, run_id)"
            " values (:source, :by, :address, :outcome, :sha256, :size, :message, :run_id)"
        ),
        {
            "source": contract.source,
            "by": whoami(),
            "address": address,
            "outcome": outcome,
            "sha256": stored.sha256 if stored else None,
            "size": stored.size if stored else None,
            "message": message,
            "run_id": run_id,
        },
    )


def _address(contract: Contract) -> str:
    connector = contract.connector
    return without_secrets(connector.url or f"{connector.type}:{connector.connection}")


def whoami() -> str:
    """Return the account and machine that this process runs as."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = "unknown"
    return f"{account}@{socket.gethostname()}"


@cache
def reader_version() -> str:
    """Return a short hash of the code that reads deliveries: when it changes, they are read again."""
    package = Path(__file__).resolve().parents[1]
    total = hashlib.sha256()
    for part in ("landing/read", "microdata"):
        for path in sorted((package / part).rglob("*.py")):
            total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()[:12]
