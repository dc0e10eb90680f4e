"""``statloom up``: the database and Airflow's user interface, until ``statloom down``."""

import argparse
import contextlib
import sys

from statloom import settings as settings_module
from statloom.services import airflow, stack
from statloom.services.airflow_environment import ADMINISTRATOR
from statloom.settings import Settings
from statloom.warehouse import connection, passwords, server, setup


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description of ``statloom up``; it has no options."""
    parser.description = (
        "Start the database and Airflow unless they run, and leave them running until `statloom down`. "
        "Airflow then also takes in the sources by their schedules."
    )


def execute(arguments: argparse.Namespace) -> int:
    """Start what is not running and print where it is."""
    here = settings_module.load()
    with contextlib.ExitStack() as run:
        if not airflow.stays(here):
            # What a run starts for itself has no schedules, and ends with it.
            run.enter_context(stack.alone(here, _say))
        web = _start(here)
    print(addresses(here, web))
    if shown := passwords.shown_once(here, "airflow_admin"):
        print(f"           its password, shown this once: {shown}")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _start(here: Settings) -> airflow.Airflow:
    found = server.ensure_running(here)
    try:
        for note in setup.prepare(here):
            _say(f"note: {note}")
        _say("starting Airflow ...")
        stack.bodies(here, keep=True)
        return airflow.ensure_running(here)
    except BaseException:
        if found.started:
            server.stop(here)
        raise


def addresses(settings: Settings, web: airflow.Airflow | None) -> str:
    """Return the text that says where database and user interface are and how to log in."""
    file = settings.secrets / "passwords.json"
    lines = [
        f"warehouse  {connection.address(connection.url('analyst'))}",
        f"           password: statloom_analyst in {file}; or: statloom psql",
    ]
    if web:
        lines += [
            f"Airflow    {web.url}",
            f"           user {ADMINISTRATOR}, password: airflow_admin in {file}",
        ]
    return "\n".join(lines)
