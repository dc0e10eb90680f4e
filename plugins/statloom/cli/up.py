"""``statloom up``: the database and Airflow's user interface, until ``statloom down``."""

import argparse
import sys

from statloom import settings as settings_module
from statloom.services import airflow, stack
from statloom.services.airflow_environment import ADMINISTRATOR
from statloom.settings import Settings
from statloom.warehouse import connection, server, setup


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description of ``statloom up``; it has no options."""
    parser.description = (
        "Start the database and Airflow unless they run, and leave them running until `statloom down`. "
        "Airflow then also takes in the sources by their schedules."
    )


def execute(arguments: argparse.Namespace) -> int:
    """Start what is not running and print where it is."""
    here = settings_module.load()
    found = server.ensure_running(here)
    try:
        for note in setup.prepare(here):
            print(f"note: {note}", file=sys.stderr)
        print("starting Airflow ...", file=sys.stderr, flush=True)
        stack.bodies(here, keep=True)
        web = airflow.ensure_running(here)
    except BaseException:
        if found.started:
            server.stop(here)
        raise
    print(addresses(here, web))
    return 0


def addresses(settings: Settings, web: airflow.Airflow | None) -> str:
    """Return the text that says where database and user interface are and how to log in."""
    passwords = settings.secrets / "passwords.json"
    lines = [
        f"warehouse  {connection.address(connection.url('analyst'))}",
        f"           password: statloom_analyst in {passwords}; or: statloom psql",
    ]
    if web:
        lines += [
            f"Airflow    {web.url}",
            f"           user {ADMINISTRATOR}, password: airflow_admin in {passwords}",
        ]
    return "\n".join(lines)
