"""The release calendar: hours announced beforehand, at which releases become public.

``config/release_calendar.csv`` has a row for each hour: ``release_at`` (ISO 8601 with its offset from UTC),
``title`` and ``title_ne``. What is released before an hour is under embargo until then. Without rows
everything is public at once.
"""

import csv
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from statloom import settings
from statloom.errors import StatloomError

COLUMNS = ("release_at", "title", "title_ne")
# Stands for the hour of a release for which the calendar has none as yet.
NOT_YET = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Hour:
    """One hour of the calendar, with its offset from UTC, and what is announced for it."""

    at: datetime
    title: str = ""
    title_ne: str = ""


def path() -> Path:
    """Return the calendar's file: ``STATLOOM_RELEASE_CALENDAR``, or that of the project."""
    chosen = os.environ.get("STATLOOM_RELEASE_CALENDAR")
    return Path(chosen) if chosen else settings.load().project / "config" / "release_calendar.csv"


def read(file: Path | None = None) -> tuple[Hour, ...]:
    """Return the hours of ``file`` (default: `path`) in their order in time; none when it is not there.

    Raises StatloomError, naming file, row and column, for an hour that is none, that has no offset from UTC,
    or that stands there twice.
    """
    file = file or path()
    if not file.exists():
        return ()
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise StatloomError(f"{file.name}, row 1: the columns are {', '.join(COLUMNS)}")
        hours = {}
        for number, row in enumerate(rows, start=2):
            if None in row or None in row.values():
                raise StatloomError(f"{file.name}, row {number}: a row has {len(COLUMNS)} fields")
            at = _moment(row["release_at"], f"{file.name}, row {number}, column release_at")
            if at in hours:
                raise StatloomError(
                    f"{file.name}, row {number}, column release_at: {row['release_at']} stands there twice"
                )
            hours[at] = Hour(at, row["title"].strip(), row["title_ne"].strip())
    return tuple(hours[at] for at in sorted(hours))


def hour_after(moment: datetime, hours: tuple[Hour, ...]) -> Hour | None:
    """Return the first of ``hours`` (as `read` gives them) after ``moment``; None when all have passed."""
    return next((hour for hour in hours if hour.at > moment), None)


def visible_from(made_at: datetime, hours: tuple[Hour, ...]) -> datetime | None:
    """Return when what was made at ``made_at`` becomes public: None, at once, where no calendar is kept;
    ``NOT_YET`` when all its hours have passed.
    """
    if not hours:
        return None
    hour = hour_after(made_at, hours)
    return hour.at if hour else NOT_YET


def _moment(text: str, where: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise StatloomError(f"{where}: {text!r} is no moment, such as 2027-01-15T10:00:00+05:45") from None
    if at.tzinfo is None:
        raise StatloomError(f"{where}: {text!r} has no offset from UTC, such as +05:45")
    return at
