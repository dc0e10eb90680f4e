"""The steps of an `ingest` DAG, each for one source. They pass delivery ids, never data."""

from collections.abc import Callable

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from statloom import contracts, landing, settings
from statloom.errors import DeliveryError, GateError, StatloomError
from statloom.landing.database import stopped_database_named
from statloom.pipeline import failures
from statloom.quality import gates, held_back, parts, suites
from statloom.warehouse.connection import engine


@stopped_database_named("a source was being looked at")
def fetch(source: str, *, run_id: str | None, lookup: Callable[[str], str] | None = None) -> int | None:
    """Fetch ``source`` into the archive.

    Returns the id of the delivery that is to be loaded, or None when there is nothing new: also when its
    suites have changed since it was judged, so that a mended expectation lifts what it held back.
    Raises StatloomError or DeliveryError when the source cannot be reached or its answer is no delivery.
    """
    fetched = landing.fetch(
        contracts.load(source),
        archive=settings.load().archive,
        engine=engine(),
        run_id=run_id,
        lookup=lookup,
    )
    changed = fetched.outcome == "unchanged" and _suites_changed(source, fetched.delivery_id)
    print(
        f"{source}: {fetched.outcome}, delivery {fetched.delivery_id}"
        + (", judged again: its suites have changed" if changed else "")
    )
    return None if fetched.outcome == "unchanged" and not changed else fetched.delivery_id


def _suites_changed(source: str, delivery_id: int) -> bool:
    """True when the delivery was judged last by other files of suites than those that are there."""
    with engine().connect() as connection:
        judged_by = connection.scalar(
            text(
                "select suites_sha256 from quality.gate_run where gate = 'raw' and subject = :source"
                " and delivery_id = :id order by gate_run_id desc limit 1"
            ),
            {"source": source, "id": delivery_id},
        )
    return judged_by is not None and judged_by != suites.digest("raw", source)


@stopped_database_named("a delivery was being loaded")
def load(source: str, delivery_id: int) -> int:
    """Read a delivery into the raw table of ``source``; return its id.

    Raises DeliveryError, with the delivery marked `rejected`, when it cannot be read.
    """
    warehouse = engine()
    try:
        loaded = landing.load(
            contracts.load(source), delivery_id, engine=warehouse, archive=settings.load().archive
        )
    except DeliveryError as error:
        landing.reject(warehouse, delivery_id, str(error))
        raise
    print(
        f"{source}: {loaded.rows_read} rows read, {loaded.rows_loaded} loaded, "
        f"{loaded.rows_quarantined} quarantined"
    )
    return delivery_id


@stopped_database_named("a delivery was being judged, which is neither accepted nor held back")
def gate(source: str, delivery_id: int, *, run_id: str | None) -> None:
    """Judge a loaded delivery: accept it, but for the parts that fail alone, of which owners are told; or
    hold it back as a whole.

    Raises GateError, with the delivery marked `held_back`, when it fails as a whole.
    """
    warehouse = engine()
    try:
        result = gates.judge("raw", source, engine=warehouse, delivery_id=delivery_id, run_id=run_id)
    except StatloomError as error:
        _refuse(warehouse, source, delivery_id, None, str(error))
        raise
    if not result.passed and not result.held_back:
        error = GateError(f"{_file(warehouse, delivery_id)}: {result.message}")
        _refuse(warehouse, source, delivery_id, result, str(error))
        raise error
    landing.accept(
        warehouse,
        delivery_id,
        beside=lambda connection: held_back.accepted(connection, delivery_id, result),
    )
    if result.held_back:
        print(f"{_file(warehouse, delivery_id)}: {result.message}")
        print("\n".join(["The rest of the delivery is accepted.", *held_back.described(result.held_back)]))
        failures.tell_of_parts(warehouse, "raw", run=run_id, source=source)


def _refuse(
    warehouse: Engine, source: str, delivery_id: int, result: gates.GateResult | None, reason: str
) -> None:
    """Hold back a whole delivery, and say of each part that it would have brought that it waits."""
    try:
        contract = contracts.load(source)
        owner, delivered = contract.owner, parts.delivered(warehouse, contract, delivery_id)
    except (StatloomError, SQLAlchemyError):
        # Perhaps the contract or the raw table cannot be read: the delivery is held back all the same.
        owner, delivered = "", []
    landing.hold_back(
        warehouse,
        delivery_id,
        reason,
        beside=lambda connection: held_back.refused(
            connection, delivery_id, delivered, result, reason=reason, owner=owner
        ),
    )


def _file(warehouse: Engine, delivery_id: int) -> str:
    with warehouse.connect() as connection:
        return connection.scalar(
            text("select file_name from landing.delivery where delivery_id = :id"), {"id": delivery_id}
        )
