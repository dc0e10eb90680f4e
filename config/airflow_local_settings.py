"""Read by every Airflow process at its start.

Workers are forked from the scheduler, and tasks from workers. What the scheduler has imported costs a task
nothing; imported in each task, it would cost it 8 seconds. Change the library, and restart Airflow.
"""

import contextlib
import importlib
import os
import sys

PRELOADED = (
    "great_expectations",
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "duckdb",
    "openpyxl",
    "pyreadstat",
    "statloom.landing.read",
    "statloom.pipeline.ingest",
    "statloom.pipeline.release",
    "statloom.pipeline.warehouse",
    "statloom.places",
    "statloom.quality.report",
    # What Airflow itself imports anew in every worker, or for the DAG file of every task.
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.definitions.decorators",
)

if "scheduler" in sys.argv and os.environ.get("STATLOOM_PRELOAD", "1") != "0":
    for _name in PRELOADED:
        importlib.import_module(_name)

    from statloom import errors, places

    # Every task that loads or judges places some references; a fault in the registry is for those to tell.
    with contextlib.suppress(errors.StatloomError):
        places.load()

if "scheduler" in sys.argv:
    from statloom import processes

    # The next task of a run comes by this process: statloom.pipeline.turn.
    os.environ["STATLOOM_KEEPER"] = processes.identity(os.getpid()) or ""
    # A worker that is killed does not leave its task at work, nor a scheduler its workers.
    processes.end_with_parent(generations=2)

# Airflow takes every public name of this module for a setting of its own.
__all__ = []
