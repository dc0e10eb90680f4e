"""The step of the `quality_report` DAG."""

from pathlib import Path

from statloom.landing.database import stopped_database_named
from statloom.quality import report


@stopped_database_named("the quality report was being written")
def write() -> Path:
    """Write the quality report; return the path of its front page."""
    return report.write()
