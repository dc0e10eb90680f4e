"""At each hour of the release calendar: what is under embargo until then becomes public."""

from airflow.sdk import DAG, task

# The one of airflow.sdk 3.3 cannot be read back by the scheduler.
from airflow.timetables.events import EventsTimetable

import failures
from statloom import settings
from statloom.release import calendar

_HOURS = [hour.at for hour in calendar.read()] if settings.by_the_clock() else []
_TIMETABLE = EventsTimetable(event_dates=_HOURS, description="hours of the calendar") if _HOURS else None

with DAG(
    dag_id="release_calendar",
    description="Make releases public at their hour",
    schedule=_TIMETABLE,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["release"],
    doc_md=__doc__,
    **failures.TOLD,
):

    @task
    def reveal() -> list[int]:
        from statloom.pipeline import release

        return release.reveal()

    reveal()
