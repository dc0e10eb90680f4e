"""The steps of the `warehouse` DAG: from accepted deliveries to published marts."""

from sqlalchemy import text

from statloom import contracts, landing, publication
from statloom.errors import GateError
from statloom.pipeline.inputs import code_version, fingerprint
from statloom.quality import gates
from statloom.warehouse import transform as dbt
from statloom.warehouse.connection import engine


def changed_inputs() -> str | None:
    """Register the contracts; return the fingerprint of what the marts are built from.

    Returns None when the last completed build had the same: nothing to do.
    """
    warehouse = engine()
    declared = list(contracts.load_all(broken=[]).values())
    contracts.register(warehouse, declared)
    for source, references in landing.resolve_places(warehouse, declared).items():
        print(f"{source}: {references} references resolved again, the place registry has changed")
    now = fingerprint(warehouse)
    with warehouse.connect() as connection:
        built = connection.scalar(text("select inputs from publication.build order by build_id desc limit 1"))
    if now == built:
        print("nothing new since the last build")
        return None
    return now


def transform(stage: str) -> None:
    """Run one stage of the dbt project (a key of ``statloom.warehouse.transform.STAGES``) with its tests."""
    dbt.run_stage(stage)


def gate(*, run_id: str | None) -> None:
    """Judge the candidate marts; raise GateError when they must not be published."""
    result = gates.judge("marts", "marts", engine=engine(), run_id=run_id)
    if not result.passed:
        raise GateError(result.message)


def publish(inputs: str, *, run_id: str | None) -> int | None:
    """Publish the candidate marts; return the new publication's number, None when no row has changed.

    ``inputs`` is what `changed_inputs` returned: it is kept as the fingerprint of the last completed build.
    """
    warehouse = engine()
    published = publication.publish(warehouse, run_id=run_id, code_version=code_version())
    with warehouse.begin() as connection:
        connection.execute(
            text(
                "insert into publication.build (inputs, publication_id, changed, run_id)"
                " values (:inputs, :publication_id, :changed, :run_id)"
            ),
            {
                "inputs": inputs,
                "publication_id": published.publication_id,
                "changed": published.changed,
                "run_id": run_id,
            },
        )
    print(f"publication {published.publication_id}, {'new' if published.changed else 'unchanged'}")
    return published.publication_id if published.changed else None
