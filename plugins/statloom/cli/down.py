"""``statloom down``: stops what runs of this installation."""

import argparse
import contextlib
import sys

from sqlalchemy.exc import SQLAlchemyError

from statloom import processes
from statloom import settings as settings_module
from statloom.errors import StatloomError
from statloom.services import airflow, stack
from statloom.warehouse import connection, overview, server


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``statloom down``."""
    parser.description = "Stop Airflow, the demo's servers and the database of this installation."
    parser.add_argument("--force", action="store_true", help="also in the middle of `statloom run`")


def execute(arguments: argparse.Namespace) -> int:
    """Stop everything; say what was running."""
    here = settings_module.load()
    if not here.home.exists():
        print("nothing was running")
        return 0
    if not arguments.force and not processes.unused(here.run / "run.lock"):
        print(
            "statloom: a run is at work; wait for its end, or stop it with: statloom down --force",
            file=sys.stderr,
        )
        return 1
    if server.is_running(here):
        with contextlib.suppress(SQLAlchemyError, StatloomError):
            overview.remember(here, connection.engine())
    stopped = [
        name
        for name, stop in (
            ("Airflow", airflow.stop),
            ("the demo's servers", stack.stop_bodies),
            ("the database", server.stop),
        )
        if stop(here)
    ]
    print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    return 0
