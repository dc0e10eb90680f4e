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
    until = f", under embargo until {written.embargo:%Y-%m-%d %H:%M %Z}" if written.embargo else ""
    print(f"release {written.release_id}, {'new' if written.changed else 'unchanged'}{until}")
    return written.release_id


def reveal() -> list[int]:
    """Make public what the calendar's hour has come for; return the numbers of the releases."""
    shown = release.reveal_due(engine())
    print(f"made public: {', '.join(map(str, shown))}" if shown else "nothing waits whose hour has come")
    return shown
