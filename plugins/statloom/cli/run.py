"""``statloom run``: the main job, from starting the servers to the summary."""

import argparse
import sys

from statloom import settings as settings_module
from statloom.pipeline.progress import Progress
from statloom.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``statloom run``."""
    parser.description = (
        "Start what is not running (database, demo bodies, Airflow), take in every source, build, judge, publish and "
        "release, write the quality report, print a summary, and stop what was started. "
        "Exit code 0 only when all of it succeeded."
    )


def execute(arguments: argparse.Namespace) -> int:
    """Run the pipeline; return 0 only when every part of it succeeded."""
    from statloom.pipeline import run
    from statloom.pipeline.summary import summary
    from statloom.services import stack

    here = settings_module.load()
    progress = Progress(sys.stdout)
    with stack.running(here, progress=progress, exclusive=True) as started:
        outcome = run.run(started.airflow_client, progress)
        progress.say("done" if outcome.succeeded else f"failed: {', '.join(outcome.failed)}")
        print(summary(outcome, here, started))
        _stop_note(here, started, progress)
    return 0 if outcome.succeeded else 1


def _stop_note(here: Settings, started: object, progress: Progress) -> None:
    if started.started_anything:
        progress.say("stopping what this run has started")
