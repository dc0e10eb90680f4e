"""``statloom psql``: PostgreSQL's own client on the warehouse, as one of its roles."""

import argparse
import os
import signal
import subprocess

from statloom import settings as settings_module
from statloom.warehouse import connection, server, setup

# What libpq reads from a URL's query and, under this name, from the environment.
_OPTIONS = {
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "host": "PGHOST",
    "options": "PGOPTIONS",
    "port": "PGPORT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``statloom psql``."""
    parser.description = (
        "Open psql on the warehouse. When its server is not running, it is started for this call and stopped "
        "after it. The exit code is psql's own."
    )
    parser.epilog = "example: statloom psql --role monitor -- -c 'table quality.gate_run'"
    parser.add_argument(
        "--role",
        choices=("analyst", "portal", "monitor", "engineer"),
        default="analyst",
        help="who to be: analyst reads marts, portal open_data, monitor quality, engineer owns all (analyst)",
    )
    parser.add_argument("arguments", nargs="*", metavar="-- ARGUMENT", help="what follows -- goes to psql")


def execute(arguments: argparse.Namespace) -> int:
    """Run psql; return its exit code."""
    here = settings_module.load()
    with server.running(here):
        setup.prepare(here)
        command = [str(server.tool(here, "psql")), *arguments.arguments]
        # Ctrl-C is psql's: it ends a query there, and must not end this process and its server.
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            return subprocess.run(command, env=_environment(arguments.role), check=False).returncode
        finally:
            signal.signal(signal.SIGINT, before)


def _environment(role: str) -> dict[str, str]:
    """The environment in which psql finds the warehouse; the password is on no command line."""
    url = connection.url(role)
    values = {name: text for name, text in os.environ.items() if not name.startswith("PG") or name == "PGTZ"}
    values |= {
        "PGHOST": url.host or "",
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        "PGDATABASE": url.database or "",
    }
    return values | {_OPTIONS[name]: str(value) for name, value in url.query.items() if name in _OPTIONS}
