"""When DAGs run by the clock."""

from airflow.sdk import CronTriggerTimetable

from statloom import settings


def clock(cron: str | None) -> CronTriggerTimetable | None:
    """Return the timetable of a cron expression or preset, in UTC; None where nothing runs by the clock.

    The first run is at the next time that the expression names, not at once.
    """
    if cron is None or not settings.by_the_clock():
        return None
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=False)
