"""A raw table made anew, after a contract has given its columns other types."""

from sqlalchemy import Engine, text

from statloom.contracts import registration
from statloom.contracts.conditions import quoted
from statloom.contracts.model import Contract
from statloom.landing.database import stopped_database_named


def rebuild(engine: Engine, contract: Contract) -> int:
    """Drop and make ``raw.<source>`` by the contract; return how many deliveries will be read again.

    The archive keeps their bytes: the next run loads the source's present delivery from it. Views on the
    table, which dbt makes anew in every run, are dropped with it.
    """
    with stopped_database_named(f"raw.{contract.source} was being made anew"), engine.begin() as connection:
        connection.execute(text(f"drop table if exists raw.{quoted(contract.source)} cascade"))
        changed = connection.execute(
            text(
                "update landing.delivery set status = 'archived', reason = 'raw table made anew'"
                " where source_id = :source and status <> 'rejected'"
            ),
            {"source": contract.source},
        )
        registration.register_in(connection, [contract])
        return changed.rowcount
