"""The steps of the `warehouse` DAG: from accepted deliveries to published marts."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from statloom import contracts, landing, lineage, publication
from statloom.errors import GateError, StatloomError
from statloom.pipeline import inputs as built_from
from statloom.pipeline import turn
from statloom.quality import gates
from statloom.warehouse import transform as dbt
from statloom.warehouse.connection import engine


def changed_inputs(*, run_id: str | None = None) -> str | None:
    """Register the contracts; return the fingerprint of what the marts are built from.

    Returns None when the last completed build had the same: nothing to do. Another warehouse run is waited
    for, like in every step; StatloomError when it does not end.
    """
    warehouse = engine()
    with turn.taken(warehouse, run_id, first=True) as end:
        declared = list(contracts.load_all(broken=[]).values())
        contracts.register(warehouse, declared)
        for source, references in landing.resolve_places(warehouse, declared).items():
            print(f"{source}: {references} references resolved again, the place registry has changed")
        parts = built_from.parts(warehouse)
        now = built_from.fingerprint(warehouse, parts)
        with warehouse.begin() as connection:
            built = connection.scalar(
                text("select inputs from publication.build order by build_id desc limit 1")
            )
            if now == built:
                print("nothing new since the last build")
                end()
                return None
            built_from.remember(connection, now, parts)
        return now


def transform(stage: str, *, run_id: str | None = None) -> None:
    """Run one stage of the dbt project (a key of ``statloom.warehouse.transform.STAGES``) with its tests."""
    with turn.taken(engine(), run_id):
        dbt.run_stage(stage)


def gate(*, run_id: str | None) -> None:
    """Judge the candidate marts; raise GateError when they must not be published."""
    with turn.taken(engine(), run_id):
        result = gates.judge("marts", "marts", engine=engine(), run_id=run_id)
        if not result.passed:
            raise GateError(result.message)


def publish(inputs: str, *, run_id: str | None) -> int | None:
    """Publish the candidate marts; return the new publication's number, None when no row has changed.

    ``inputs`` is what `changed_inputs` returned: it is kept as the fingerprint of the last completed build,
    with its parts; what the publication changed is recorded with the parts that it changed for.
    """
    warehouse = engine()
    with turn.taken(warehouse, run_id, last=True):
        published = publication.publish(warehouse, run_id=run_id, code_version=built_from.code_version())
        with warehouse.begin() as connection:
            build = connection.scalar(
                text(
                    "insert into publication.build (inputs, publication_id, changed, run_id)"
                    " values (:inputs, :publication_id, :changed, :run_id) returning build_id"
                ),
                {
                    "inputs": inputs,
                    "publication_id": published.publication_id,
                    "changed": published.changed,
                    "run_id": run_id,
                },
            )
            built_from.keep(connection, build, inputs)
        lineage.record_revisions(warehouse)
    print(f"publication {published.publication_id}, {'new' if published.changed else 'unchanged'}")
    return published.publication_id if published.changed else None


def settle(*, run_id: str | None) -> None:
    """Let the next warehouse run begin at once, however this one ended."""
    try:
        turn.give_up(engine(), run_id)
    except (StatloomError, SQLAlchemyError) as error:
        print(f"the turn of {run_id} was not given up: {str(error).splitlines()[0]}")
