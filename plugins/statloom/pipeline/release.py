"""The steps of the `release` DAG: from published marts to open datasets."""

from statloom import release
from statloom.errors import GateError
from statloom.landing.database import stopped_database_named
from statloom.quality import gates
from statloom.warehouse.connection import engine


def prepare(*, run_id: str | None) -> None:
    """Put the current publication's cells, after disclosure control, where the gate judges them."""
    with stopped_database_named("a release was being prepared"):
        release.prepare(engine(), run_id=run_id)


def gate(*, run_id: str | None) -> None:
    """Judge what would be released; raise GateError when it must not be."""
    with stopped_database_named("a release was being judged"):
        result = gates.judge("release", "release", engine=engine(), run_id=run_id)
    if not result.passed:
        raise GateError(result.message)


def write(*, run_id: str | None) -> int:
    """Write the release; return its number."""
    written = release.write(engine(), run_id=run_id)
    print(f"release {written.release_id}, {'new' if written.changed else 'unchanged'}")
    return written.release_id
