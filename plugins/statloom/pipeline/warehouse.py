"""The steps of the `warehouse` DAG: from accepted deliveries to published marts."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from statloom import contracts, landing, lineage, publication
from statloom.errors import GateError, StatloomError
from statloom.pipeline import failures, turn
from statloom.pipeline import inputs as built_from
from statloom.quality import gates, held_back
from statloom.warehouse import transform as dbt
from statloom.warehouse.connection import engine

# How often the candidates are made anew without what failed their gate.
ROUNDS = 3
# The model of the dbt project from which what is held back is left out.
HELD_BACK = "held_back_part"


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
            held_back.put_on_trial(connection)
        return now


def transform(stage: str, *, run_id: str | None = None) -> None:
    """Run one stage of the dbt project (a key of ``statloom.warehouse.transform.STAGES``) with its tests."""
    with turn.taken(engine(), run_id):
        if stage == "harmonised":
            held_back.remember_last_good(engine())
        dbt.run_stage(stage)


def gate(*, run_id: str | None) -> None:
    """Judge the candidate marts; raise GateError when they must not be published.

    Parts (source × series × period) that fail alone are held back: the candidates are made anew without them
    and judged again, at most ``ROUNDS`` times. Nothing is held back by a judgement after which publication is
    blocked all the same.
    """
    warehouse = engine()
    with turn.taken(warehouse, run_id):
        judgements: list[int] = []
        for left in reversed(range(ROUNDS + 1)):
            result = gates.judge("marts", "marts", engine=warehouse, run_id=run_id)
            if result.passed:
                held_back.settle(warehouse)
                failures.tell_of_parts(warehouse, "marts", run=run_id)
                return
            new = held_back.at_marts(warehouse, result) if left else []
            judgements.append(result.gate_run_id)
            if not new:
                held_back.withdraw(warehouse, judgements)
                raise GateError(result.message)
            print("\n".join([result.message, *held_back.described(new)]))
            held_back.remember_last_good(warehouse)
            dbt.run_dbt(f"{HELD_BACK}+")


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
