"""The status of a delivery: archived → loaded → accepted or held back; rejected when it cannot be read."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, text

from statloom.errors import StatloomError
from statloom.landing.database import stopped_database_named

# What is to be written in the same transaction as the verdict.
Beside = Callable[[Connection], None]


def accept(engine: Engine, delivery_id: int, *, beside: Beside | None = None) -> None:
    """Say that a loaded delivery has passed its raw gate: the marts are built from it."""
    _judge(engine, delivery_id, "accepted", None, ("loaded", "accepted", "held_back"), beside)


def hold_back(engine: Engine, delivery_id: int, reason: str, *, beside: Beside | None = None) -> None:
    """Say that a loaded delivery has failed its raw gate, and why. The one accepted before stays in use."""
    _judge(engine, delivery_id, "held_back", reason, ("loaded", "accepted", "held_back"), beside)


def reject(engine: Engine, delivery_id: int, reason: str) -> None:
    """Say that a delivery cannot be read, and why. The next fetch of the same bytes has it read again.

    One that was accepted under an earlier contract stays so: its rows are in use, and what is published does
    not change because a contract is wrong.
    """
    _judge(
        engine, delivery_id, "rejected", reason, ("archived", "loaded", "rejected", "held_back", "accepted")
    )


def _judge(
    engine: Engine,
    delivery_id: int,
    status: str,
    reason: str | None,
    before: tuple[str, ...],
    beside: Beside | None = None,
) -> None:
    with stopped_database_named(f"delivery {delivery_id} was being judged"), engine.begin() as connection:
        changed = connection.execute(
            text(
                "update landing.delivery set reason = coalesce(:reason, reason),"
                " status = case when :keeps and status = 'accepted' then status else :status end,"
                " judged_at = case when :keeps and status = 'accepted' then judged_at else now() end"
                " where delivery_id = :id and status = any(:before)"
            ),
            {
                "keeps": status == "rejected",
                "status": status,
                "reason": reason,
                "id": delivery_id,
                "before": list(before),
            },
        )
        if changed.rowcount:
            if beside is not None:
                beside(connection)
            return
        found = connection.scalar(
            text("select status from landing.delivery where delivery_id = :id"), {"id": delivery_id}
        )
    if found is None:
        raise StatloomError(f"there is no delivery {delivery_id}")
    raise StatloomError(f"delivery {delivery_id} is {found}: it cannot become {status} before it is loaded")
