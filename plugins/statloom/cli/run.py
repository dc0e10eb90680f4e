"""``statloom run``: the main job, from starting the servers to the summary."""

import argparse
import os
import sys

from statloom import settings as settings_module
from statloom.pipeline.progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description of ``statloom run``; it has no options."""
    parser.description = (
        "Start what is not running (database, demo bodies, Airflow), take in every source, build, judge, "
        "publish and release, write the quality report, print a summary, and stop what was started. "
        "Exit code 0 only when all of it succeeded."
    )


def execute(arguments: argparse.Namespace) -> int:
    """Run the pipeline; return 0 only when every part of it succeeded."""
    from statloom.pipeline import run
    from statloom.pipeline.summary import summary
    from statloom.services import stack

    here = settings_module.load()
    # What this run starts must not begin scheduled runs of its own accord, beside those that it asks for.
    os.environ["STATLOOM_BY_THE_CLOCK"] = "no"
    progress = Progress(sys.stdout)
    with stack.alone(here, progress.say), stack.running(here, progress.say) as parts:
        run.prepare(progress.say)
        progress.say("contracts registered; places and frameworks in the warehouse")
        outcome = run.run(parts.client, progress)
        progress.say("all succeeded" if outcome.succeeded else f"FAILED: {', '.join(outcome.failed)}")
        print(summary(outcome, here, parts), flush=True)
        if parts.started:
            progress.say(f"stopping {' and '.join(parts.started)}")
    progress.say("done")
    return 0 if outcome.succeeded else 1
