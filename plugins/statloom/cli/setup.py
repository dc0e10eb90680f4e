"""``statloom setup``: roles, databases and tables, as every run makes them; for servers that are not ours."""

import argparse

from statloom import settings as settings_module
from statloom.warehouse import server, setup


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description of ``statloom setup``; it has no options."""
    parser.description = (
        "Make what is missing on the database server: roles, databases, bookkeeping tables. Every run does "
        "this for the embedded server. An external one is named by STATLOOM_DATABASE_URL; roles and "
        "databases are made there when STATLOOM_ADMIN_DATABASE_URL names a login that may."
    )


def execute(arguments: argparse.Namespace) -> int:
    """Prepare the server; print what could not be done there."""
    here = settings_module.load()
    with server.running(here):
        for note in setup.prepare(here):
            print(f"note: {note}")
    print("the database is ready")
    return 0
