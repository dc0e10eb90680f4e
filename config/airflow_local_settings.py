"""Read by every Airflow process at its start.

Workers are forked from the scheduler, and tasks from workers. What the scheduler has imported costs a task
nothing; imported in each task, it would cost seconds.
"""

import os
import sys

if "scheduler" in sys.argv and os.environ.get("STATLOOM_PRELOAD", "1") != "0":
    import statloom.landing.read
    import statloom.pipeline.ingest
    import statloom.pipeline.release
    import statloom.pipeline.warehouse
    import statloom.places
    import statloom.quality.report  # noqa: F401

# Airflow takes every public name of this module for a setting of its own.
__all__ = []
