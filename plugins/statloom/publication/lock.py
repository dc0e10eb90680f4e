"""One writer at a time, by an advisory lock of PostgreSQL."""

# ruff: noqa: S608  the only value in these statements is a number

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from statloom.errors import StatloomError
from statloom.publication.sql import run


@contextmanager
def alone(connection: Connection, number: int, what: str, wait_seconds: float) -> Iterator[None]:
    """Hold advisory lock ``number`` (below 2**31) on ``connection``, which does the writing.

    A writer that dies loses its lock together with its open transaction. Waits ``wait_seconds`` for another
    writer, then raises StatloomError, which says that another ``what`` is being written and by whom.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        with connection.begin():
            # A server process that finds its client gone stops at once instead of finishing the statement.
            run(connection, "set client_connection_check_interval = '1s'")
            if run(connection, f"select pg_try_advisory_lock({number:d})").scalar_one():
                break
            holder = run(
                connection,
                "select format('server process %s, connected since %s', a.pid, "
                "to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS')) "
                "from pg_locks l join pg_stat_activity a using (pid) "
                "where l.locktype = 'advisory' and l.granted and l.classid = 0 "
                f"and l.objid = {number:d} and l.objsubid = 1 and a.datname = current_database()",
            ).scalar()
        if time.monotonic() >= deadline:
            raise StatloomError(
                f"another {what} is being written ({holder or 'it ended just now'}); "
                "this one stepped aside and changed nothing"
            )
        time.sleep(0.2)
    try:
        yield
    finally:
        if not connection.invalidated and not connection.closed:
            connection.rollback()
            with connection.begin():
                run(connection, f"select pg_advisory_unlock({number:d})")
                run(connection, "reset client_connection_check_interval")
