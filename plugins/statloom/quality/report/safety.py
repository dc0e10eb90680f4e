"""Backups: what the last drill found, and whether it is too old."""

from datetime import datetime, timedelta
from typing import Any

from statloom.quality.report.reading import Reader

MAXIMUM_AGE_DAYS = 8
"""A drill is made every week; a day is left for it to be late."""

_DRILLS = """
    select drill_id, began_at, finished_at, backup, recovered_to, publication_id, compared, passed, message
    from quality.restore_drill order by drill_id desc limit 30
"""


def drills(read: Reader, now: datetime) -> dict[str, Any]:
    """Return what drills found.

    Keys: ``state`` (good; warn: too old; bad: failed; none: none was ever made), ``last`` (the newest, or
    None; ``compared`` has a row a mart: name, rows_original, rows_restored, same), ``last_passed`` (the
    newest that passed, or None), ``age_days``, ``maximum_age_days`` and ``history`` (the newest first).
    """
    history = read.rows(_DRILLS, "quality.restore_drill")
    last = history[0] if history else None
    age = now - last["finished_at"] if last else None
    if last is None or age is None:
        state = "none"
    elif not last["passed"]:
        state = "bad"
    else:
        state = "warn" if age > timedelta(days=MAXIMUM_AGE_DAYS) else "good"
    return {
        "state": state,
        "last": last,
        "last_passed": next((drill for drill in history if drill["passed"]), None),
        "age_days": age.days if age else None,
        "maximum_age_days": MAXIMUM_AGE_DAYS,
        "history": history,
    }
