"""The main job: every source ingested, harmonised, gated, published, released, reported, by Airflow."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from statloom import contracts
from statloom.errors import StatloomError
from statloom.pipeline import turn
from statloom.pipeline.progress import Progress
from statloom.pipeline.watch import Watch
from statloom.services.airflow import AirflowClient
from statloom.warehouse import transform
from statloom.warehouse.connection import engine

PIPELINE = ("warehouse", "release", "quality_report")


_SECONDS_TO_LOAD = 120


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    succeeded: bool
    failed: list[str]  # DAG runs that failed, by DAG
    new_deliveries: int
    publication_before: int
    publication: int
    rows_changed: int
    release: int | None
    seconds: dict[str, float]  # wall seconds of each phase: ingest, warehouse, release, report


def run(client: AirflowClient, progress: Progress) -> Outcome:
    """Run the whole pipeline once through the Airflow that ``client`` speaks to, and wait for its end.

    Raises StatloomError when Airflow cannot load a DAG, does not start one, or stops moving. A failed DAG is
    no error here: it is named in the outcome.
    """
    ingest = [f"ingest__{source}" for source in contracts.contract_files()]
    client.wait_for_dags([*ingest, *PIPELINE], _SECONDS_TO_LOAD)
    if errors := client.import_errors():
        raise StatloomError(f"Airflow cannot load a DAG: {errors}")
    before = _published()

    watch = Watch(client, progress, begun=datetime.now(UTC))
    progress.say(f"{len(ingest)} sources to look at")
    for dag in ingest:
        client.trigger(dag)
    watch.until_ended(ingest)
    ingested = datetime.now(UTC)

    warehouse = watch.follow_up("warehouse")
    built = datetime.now(UTC)
    settled = watch.ended_at(warehouse, "settled")
    if watch.state(warehouse, "publish") == "success":
        release = watch.follow_up("release")
        settled = watch.ended_at(release, "settled")
    released = datetime.now(UTC)
    watch.follow_up("quality_report", queued_after=settled)
    reported = datetime.now(UTC)

    after = _published()
    return Outcome(
        succeeded=all(run["state"] == "success" for run in watch.runs.values()),
        failed=sorted({dag for (dag, _), run in watch.runs.items() if run["state"] == "failed"}),
        new_deliveries=_new_deliveries(watch.begun),
        publication_before=before,
        publication=after,
        rows_changed=_rows_changed(after) if after != before else 0,
        release=_released(),
        seconds={
            "ingest": (ingested - watch.begun).total_seconds(),
            "warehouse": (built - ingested).total_seconds(),
            "release": (released - built).total_seconds(),
            "report": (reported - released).total_seconds(),
        },
    )


def prepare(say: Callable[[str], None] = print) -> None:
    """Make the warehouse ready for its first deliveries: a raw table for each contract, places, frameworks.

    A contract that is not valid is left out: its DAG says what is wrong with it. A warehouse run that is at
    work is waited for, which ``say`` is told of. Raises StatloomError when it does not end, and when the
    seeds do not pass their tests.
    """
    with turn.taken(engine(), None, first=True, last=True, say=say):
        contracts.register(engine(), contracts.load_all(broken=[]).values())
        transform.run_stage("reference")


def _scalar(query: str, **parameters: object) -> int | None:
    with engine().connect() as connection:
        return connection.scalar(text(query), parameters)


def _published() -> int:
    return _scalar("select publication_id from publication.pointer") or 0


def _released() -> int | None:
    return _scalar("select max(release_id) from release.release where status = 'released'")


def _new_deliveries(since: datetime) -> int:
    return _scalar(
        "select count(*) from landing.fetch where outcome = 'new' and fetched_at >= :since", since=since
    )


def _rows_changed(publication: int) -> int:
    return _scalar(
        "select coalesce(sum(rows_added + rows_changed + rows_removed), 0)::bigint"
        " from publication.mart_change where publication_id = :publication",
        publication=publication,
    )
