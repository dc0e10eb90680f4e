"""What a database that stops looks like to a person."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy.exc

from statloom.errors import StatloomError

_FULL = ("53100", "53200", "53000")


@contextmanager
def stopped_database_named(doing: str) -> Iterator[None]:
    """Turn the loss of the database, or its full disk, while ``doing``, into a StatloomError."""
    try:
        yield
    except (sqlalchemy.exc.OperationalError, psycopg.OperationalError, psycopg.errors.DiskFull) as error:
        cause = getattr(error, "orig", None) or error
        state = getattr(cause, "sqlstate", None)
        first = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        what = (
            "the database's disk is full" if state in _FULL else "the database stopped or cannot be reached"
        )
        raise StatloomError(f"{what} while {doing} ({first}); nothing of it was kept: run again") from error
