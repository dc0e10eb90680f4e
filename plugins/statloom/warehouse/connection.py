"""Connections to the warehouse, by role.

``STATLOOM_DATABASE_URL`` names any PostgreSQL server, as the engineer role; the passwords of the other roles
are then in ``STATLOOM_ANALYST_PASSWORD`` and so on, or in ``secrets/passwords.json`` when the set-up made
them. Without it the embedded server of this installation is used: its address is in ``run/server.json``.
"""

import json
import os

from sqlalchemy import URL, Engine, create_engine, make_url

from statloom import settings
from statloom.errors import StatloomError
from statloom.warehouse import passwords

ROLES = ("engineer", "analyst", "portal", "monitor")
DATABASE = "statloom"


def url(role: str = "engineer", *, database: str = DATABASE) -> URL:
    """Return the URL of the warehouse for ``role`` (one of ``ROLES``).

    Raises StatloomError when neither a server nor ``STATLOOM_DATABASE_URL`` is there, or no password is
    known.
    """
    given = os.environ.get("STATLOOM_DATABASE_URL")
    if given and role == "engineer":
        return make_url(given).set(drivername="postgresql+psycopg")
    here = settings.load()
    if given:
        where = make_url(given).set(drivername="postgresql+psycopg")
        where = where.set(database=where.database or database)
    else:
        server_file = here.run / "server.json"
        if not server_file.exists():
            raise StatloomError("the database is not running; start it with 'statloom up'")
        server = json.loads(server_file.read_text())
        where = URL.create("postgresql+psycopg", host=server["host"], port=server["port"], database=database)
    login = f"statloom_{role}"
    return where.set(username=login, password=passwords.known(here, login))


def engine(role: str = "engineer", **options) -> Engine:
    """Return a SQLAlchemy engine on the warehouse for ``role``; ``options`` go to ``create_engine``."""
    return create_engine(url(role), **options)


def address(of: URL) -> str:
    """Return ``of`` as text to show: without password and driver, as psql and other clients take it."""
    shown = URL.create("postgresql", of.username, None, of.host, of.port, of.database, of.query)
    return shown.render_as_string()
