"""One warehouse run at a time, over all processes, machines and ways of starting one.

A run is several steps, each in a process of its own. Who is at work stands in ``publication.warehouse_run``;
while a step runs, its process holds an advisory lock too. So a run that is killed is known: its lock is gone,
and no step of it follows.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from statloom.errors import StatloomError
from statloom.warehouse import setup

# "stlw" read as a number: every step of a warehouse run holds this advisory lock of the database.
_LOCK = 0x73746C77
# Airflow needs some seconds between two steps. A run that shows no step for longer has died.
BETWEEN_STEPS = 45.0
# Shorter than a run waits for an Airflow that does not move (`statloom.pipeline.watch`).
PATIENCE = 840.0


def owner(run_id: str | None) -> str:
    """Return the name of a run: ``run_id``, or this process when it has none."""
    return run_id or f"process {os.getpid()} on {socket.gethostname()}"


@contextmanager
def taken(
    engine: Engine,
    run_id: str | None,
    *,
    first: bool = False,
    last: bool = False,
    patience: float | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[Callable[[], None]]:
    """Run one step while no other warehouse run is at work; gives a function that ends the run early.

    Another run is waited for during ``patience`` seconds (default: ``PATIENCE``), which ``say`` is told of;
    then StatloomError is raised and nothing was changed. A run that stopped without a word is taken over
    after ``BETWEEN_STEPS`` seconds. ``first``: the run begins with this step; ``last``: it ends with it. It
    ends with any step that raises, too. Raises StatloomError also when another run has taken over a run in
    its middle.
    """
    me = owner(run_id)
    _prepare(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _wait(connection, me, PATIENCE if patience is None else patience, say, first=first)
        ended = False

        def end() -> None:
            nonlocal ended
            ended = True

        try:
            yield end
            ended = ended or last
        except BaseException:
            ended = True
            raise
        finally:
            _leave(connection, me, ended)


def _prepare(engine: Engine) -> None:
    """Make the bookkeeping tables that a warehouse of an earlier version lacks."""
    with engine.connect() as connection:
        there = connection.scalar(
            text(
                "select to_regclass('publication.warehouse_run') is not null "
                "and to_regclass('quality.revision') is not null"
            )
        )
        if not there:
            setup.apply_schema(connection.connection.driver_connection)


def _wait(
    connection: Connection, me: str, patience: float, say: Callable[[str], None], *, first: bool
) -> None:
    deadline, told = time.monotonic() + patience, False
    while True:
        if connection.scalar(text("select pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
            if _claim(connection, me, first):
                return
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
        at_work = _at_work(connection)
        if time.monotonic() >= deadline:
            raise StatloomError(
                f"another warehouse run is at work ({at_work}); this one ({me}) stepped aside and "
                "changed nothing"
            )
        if not told:
            say(f"another warehouse run is at work ({at_work}): {me} waits for it")
            told = True
        time.sleep(0.5)


def _claim(connection: Connection, me: str, first: bool) -> bool:
    """Make ``me`` the run at work, unless another one is between two of its steps."""
    if not first and _overtaken(connection, me):
        connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
        raise StatloomError(
            f"another warehouse run took over from this one ({me}), which had not shown a step for "
            f"{BETWEEN_STEPS:.0f} s; this one stepped aside"
        )
    claimed = connection.execute(
        text(
            "update publication.warehouse_run set owner = :me, seen_at = clock_timestamp(), "
            "since = case when owner = :me then since else clock_timestamp() end, "
            "overtaken = case when owner <> :me then owner when owner is null then null else overtaken end "
            "where owner is null or owner = :me "
            "or seen_at < clock_timestamp() - make_interval(secs => :between)"
        ),
        {"me": me, "between": BETWEEN_STEPS},
    )
    return claimed.rowcount == 1


def _overtaken(connection: Connection, me: str) -> bool:
    return connection.scalar(
        text(
            "select coalesce(overtaken = :me and owner is distinct from :me, false) "
            "from publication.warehouse_run"
        ),
        {"me": me},
    )


def _at_work(connection: Connection) -> str:
    return connection.scalar(
        text(
            "select coalesce(owner || ', since ' || to_char(since, 'YYYY-MM-DD HH24:MI:SS'), "
            "'it ended just now') from publication.warehouse_run"
        )
    )


def _leave(connection: Connection, me: str, ended: bool) -> None:
    if connection.closed or connection.invalidated:
        return
    connection.execute(
        text(
            "update publication.warehouse_run set seen_at = clock_timestamp(), "
            "owner = case when :ended then null else owner end where owner = :me"
        ),
        {"me": me, "ended": ended},
    )
    connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
