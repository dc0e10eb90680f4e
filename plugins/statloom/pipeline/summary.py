"""What a run says at its end."""

from statloom.pipeline.run import Outcome
from statloom.quality import report
from statloom.quality.report import summary as report_summary
from statloom.services.stack import Stack
from statloom.settings import Settings
from statloom.warehouse import connection


def summary(outcome: Outcome, settings: Settings, parts: Stack) -> str:
    """Return the summary: sources with their rows, gates, publication, release, and where each thing is."""
    phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.seconds.items())
    analyst = connection.address(connection.url("analyst"))
    passwords = settings.secrets / "passwords.json"
    said = report.collect(connection.engine())
    lines = [
        "",
        report_summary.by_source(said),
        report_summary.text(said),
        _news(outcome),
        "",
        f"publication   {outcome.publication or 'none yet'}",
        f"release       {outcome.release or 'none yet'}",
        f"time          {phases}",
        f"marts         {analyst}",
        f"              password: statloom_analyst in {passwords}; or: statloom psql",
        f"open data     {settings.open_data / 'latest'}",
        f"report        {settings.report / 'index.html'}",
        _airflow(parts),
        "",
    ]
    return "\n".join(lines)


def _news(outcome: Outcome) -> str:
    if outcome.publication != outcome.publication_before:
        return (
            f"{outcome.new_deliveries} new deliveries; publication {outcome.publication} "
            f"changes {outcome.rows_changed:,} rows of the marts"
        )
    if outcome.new_deliveries == 0:
        return "nothing new: no new delivery, no changed row"
    return f"{outcome.new_deliveries} new deliveries, but no changed row is published"


def _airflow(parts: Stack) -> str:
    if "Airflow" in parts.started:
        return "Airflow       statloom up starts it and prints its address"
    return f"Airflow       {parts.airflow_url}"
