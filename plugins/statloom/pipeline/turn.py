"""One warehouse run at a time, over all processes, machines and ways of starting one.

A run is several steps, each in a process of its own. Who is at work stands in ``publication.warehouse_run``;
while a step runs, its process holds an advisory lock too. A run that was killed is seen at once where its
processes can be looked at: the process of its step is gone, or, between two steps, the process by which the
next would come. Elsewhere it is one that has shown no step for ``BETWEEN_STEPS`` seconds. The next run takes
over from it, after ending the database sessions that its step left at work.
"""

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import SQLAlchemyError

from statloom import processes
from statloom.errors import StatloomError
from statloom.landing.database import stopped_database_named
from statloom.warehouse import setup

# "stlw" read as a number: every step of a warehouse run holds this advisory lock of the database.
_LOCK = 0x73746C77
# Airflow needs some seconds between two steps. A run whose processes cannot be looked at from here, and that
# shows no step for longer, has died.
BETWEEN_STEPS = 45.0
# Shorter than a run waits for an Airflow that does not move (`statloom.pipeline.watch`).
PATIENCE = 840.0
# The process by which the next step comes, where that is not the process of the step: Airflow's scheduler
# (config/airflow_local_settings.py).
KEEPER = "STATLOOM_KEEPER"
# libpq's name for the sessions of a process: those of a step are known by it.
_SESSIONS = "PGAPPNAME"
_COLUMNS = ("place", "keeper", "step", "sessions")


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
    then StatloomError is raised and nothing was changed. A run that was killed is taken over. ``first``: the
    run begins with this step; ``last``: it ends with it. It ends with any step that raises, too. Raises
    StatloomError also when another run has taken over a run in its middle, and when the database stops.
    """
    me, sessions = owner(run_id), f"statloom step {secrets.token_hex(8)}"
    with stopped_database_named(f"{me} was at work on the warehouse"):
        _prepare(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            wanted = PATIENCE if patience is None else patience
            _wait(connection, me, sessions, wanted, say, first=first)
            ended = False

            def end() -> None:
                nonlocal ended
                ended = True

            try:
                with _named(sessions):
                    yield end
                ended = ended or last
            except BaseException:
                ended = True
                raise
            finally:
                _leave(engine, connection, me, sessions, ended)


def give_up(engine: Engine, run_id: str | None) -> None:
    """End a run of which no further step will come, whatever became of its last one.

    Nothing happens when it has ended, when another run has taken over, or when a step of it is at work.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("select to_regclass('publication.warehouse_run') is not null")):
            return
        if not connection.scalar(text("select pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
            return
        try:
            row = _row(connection)
            if row.owner == owner(run_id) and not _lives_on(row):
                _end_sessions(connection, row.sessions)
                connection.execute(
                    text("update publication.warehouse_run set owner = null, step = null, sessions = null")
                )
        finally:
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})


def _prepare(engine: Engine) -> None:
    """Make the bookkeeping tables and columns that a warehouse of an earlier version lacks."""
    with engine.connect() as connection:
        there = connection.scalar(
            text(
                "select count(*) = :columns and to_regclass('quality.revision') is not null "
                "from pg_attribute where attrelid = to_regclass('publication.warehouse_run') "
                "and attname = any(:names)"
            ),
            {"columns": len(_COLUMNS), "names": list(_COLUMNS)},
        )
        if not there:
            setup.apply_schema(connection.connection.driver_connection)


@contextmanager
def _named(sessions: str) -> Iterator[None]:
    """Give every database session that this process opens in the block the name ``sessions``."""
    before = os.environ.get(_SESSIONS)
    os.environ[_SESSIONS] = sessions
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_SESSIONS, None)
        else:
            os.environ[_SESSIONS] = before


def _wait(
    connection: Connection,
    me: str,
    sessions: str,
    patience: float,
    say: Callable[[str], None],
    *,
    first: bool,
) -> None:
    # The lock goes with the session: a machine that is gone without a word is noticed after a minute.
    for name, value in (("idle", 30), ("interval", 10), ("count", 3)):
        connection.execute(text(f"set tcp_keepalives_{name} = {value}"))
    deadline, told = time.monotonic() + patience, False
    while True:
        if connection.scalar(text("select pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
            if _claim(connection, me, sessions, say, first=first):
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


def _claim(
    connection: Connection, me: str, sessions: str, say: Callable[[str], None], *, first: bool
) -> bool:
    """Make ``me`` the run at work, unless another one lives on. The caller holds the lock."""
    row = _row(connection)
    if not first and row.overtaken == me and row.owner != me:
        connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
        raise StatloomError(
            f"another warehouse run took over from this one ({me}), which looked dead; this one stepped aside"
        )
    another = row.owner not in (None, me)
    if row.owner is not None and (_lives_on(row) or (another and not _dead(row))):
        return False
    if another:
        say(f"warehouse run {row.owner} was killed: {me} takes over")
    _end_sessions(connection, row.sessions)
    connection.execute(
        text(
            "update publication.warehouse_run set owner = :me, seen_at = clock_timestamp(), "
            "since = case when owner = :me then since else clock_timestamp() end, "
            "overtaken = case when owner <> :me then owner when owner is null then null else overtaken end, "
            "place = :place, keeper = :keeper, step = :step, sessions = :sessions"
        ),
        {
            "me": me,
            "place": processes.place(),
            "keeper": os.environ.get(KEEPER) or processes.identity(os.getpid()),
            "step": processes.identity(os.getpid()) or "unknown",
            "sessions": sessions,
        },
    )
    return True


def _row(connection: Connection) -> Row:
    return connection.execute(
        text(
            "select *, extract(epoch from clock_timestamp() - seen_at) as silent"
            " from publication.warehouse_run"
        )
    ).one()


def _lives_on(row: Row) -> bool:
    """Say whether a step goes on though it has lost its lock, with its session: the server was restarted."""
    here = row.place is not None and row.place == processes.place()
    return row.step is not None and here and processes.is_identity(row.step)


def _dead(row: Row) -> bool:
    """Say whether no further step will come of the run in ``row``. None is at work."""
    if row.place is not None and row.place == processes.place():
        if row.step is not None:
            return not processes.is_identity(row.step)
        if not processes.is_identity(row.keeper or ""):
            return True
    return row.silent > BETWEEN_STEPS


def _end_sessions(connection: Connection, sessions: str | None) -> None:
    """End what a step left at work in the server: its statements go on when their client is gone."""
    if sessions:
        connection.execute(
            text(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = :name"
                " and datname = current_database() and usename = current_user"
            ),
            {"name": sessions},
        )


def _at_work(connection: Connection) -> str:
    return connection.scalar(
        text(
            "select coalesce(owner || ', since ' || to_char(since, 'YYYY-MM-DD HH24:MI:SS'), "
            "'it ended just now') from publication.warehouse_run"
        )
    )


def _leave(engine: Engine, connection: Connection, me: str, sessions: str, ended: bool) -> None:
    """Say that the step is over; when its session is lost, by another one if the server answers."""
    statement = text(
        "update publication.warehouse_run set seen_at = clock_timestamp(), step = null, sessions = null, "
        "owner = case when :ended then null else owner end where owner = :me and sessions = :sessions"
    )
    values = {"me": me, "sessions": sessions, "ended": ended}
    try:
        connection.execute(statement, values)
        connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
    except SQLAlchemyError:
        with contextlib.suppress(SQLAlchemyError), engine.begin() as another:
            another.execute(statement, values)
