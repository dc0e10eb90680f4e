"""Connections to the warehouse, by role.

``STATLOOM_DATABASE_URL`` names any PostgreSQL server, as the engineer role. Without it the embedded server of
this installation is used: its address is in ``run/server.json``, its passwords in ``secrets/passwords.json``.
"""

import json
import os

from sqlalchemy import URL, Engine, create_engine, make_url

from statloom import settings
from statloom.errors import StatloomError

ROLES = ("engineer", "analyst", "portal", "monitor")
DATABASE = "statloom"


def url(role: str = "engineer", *, database: str = DATABASE) -> URL:
    """Return the URL of the warehouse for ``role`` (one of ``ROLES``).

    Raises StatloomError when neither a server nor ``STATLOOM_DATABASE_URL`` is there.
    """
    given = os.environ.get("STATLOOM_DATABASE_URL")
    if given and role == "engineer":
        return make_url(given).set(drivername="postgresql+psycopg")
    here = settings.load()
    passwords_file = here.secrets / "passwords.json"
    if given:
        address = make_url(given)
        host, port, database = address.host, address.port, address.database or database
    else:
        server_file = here.run / "server.json"
        if not server_file.exists():
            raise StatloomError("the database is not running; start it with 'statloom up'")
        server = json.loads(server_file.read_text())
        host, port = server["host"], server["port"]
    if not passwords_file.exists():
        raise StatloomError(f"no password for role {role}: {passwords_file} is missing")
    password = json.loads(passwords_file.read_text())[f"statloom_{role}"]
    return URL.create("postgresql+psycopg", f"statloom_{role}", password, host, port, database)


def engine(role: str = "engineer", **options) -> Engine:
    """Return a SQLAlchemy engine on the warehouse for ``role``; ``options`` go to ``create_engine``."""
    return create_engine(url(role), **options)
