"""Which releases stand: those under embargo come out at their hour, and one may be withdrawn."""

# ruff: noqa: S608  names in these statements are constants of this package or quoted

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb
from sqlalchemy import Connection, Engine, Row, text

from statloom import settings
from statloom.errors import StatloomError
from statloom.publication.lock import alone
from statloom.publication.sql import names, run
from statloom.release import calendar, folder, listing
from statloom.release.columns import CELL, prepare_schema

LOCK = 0x72656C65
_IN_FORCE = "select max(release_id) from release.visible where status = 'released'"


def embargo(connection: Connection, release_id: int) -> datetime | None:
    """Return until when the release is under embargo; None when it is not."""
    with connection.begin():
        return run(
            connection,
            "select visible_from from release.release "
            f"where release_id = {release_id:d} and visible_from > now()",
        ).scalar()


def reveal_due(engine: Engine, *, wait_seconds: float = 600) -> list[int]:
    """Make every release public whose hour has passed; return their numbers.

    The portal role sees them from that second on by itself: this moves their files to where the public finds
    them, and lets ``latest`` lead to the newest. Raises StatloomError for a calendar that cannot be read.
    """
    open_data = settings.load().open_data
    open_data.mkdir(parents=True, exist_ok=True)
    hours = calendar.read()
    with engine.connect() as connection, alone(connection, LOCK, "release", wait_seconds):
        with connection.begin():
            prepare_schema(connection)
        return reveal(connection, open_data, hours)


def reveal(connection: Connection, open_data: Path, hours: tuple[calendar.Hour, ...]) -> list[int]:
    """Do what `reveal_due` does, for a caller that holds the lock."""
    with connection.begin():
        _date(connection, hours)
    return settle(connection, open_data)


def withdraw(engine: Engine, release_id: int, reason: str, *, wait_seconds: float = 600) -> None:
    """Mark a release as withdrawn, for ``reason``: its files stay at their address, and the list of releases
    says so; ``latest`` and the portal role go back to the newest that is not. One under embargo never comes
    out.

    Raises StatloomError when there is no such release, it is withdrawn already, or no reason is given.
    """
    if not reason.strip():
        raise StatloomError("a release is withdrawn for a reason: say it")
    open_data = settings.load().open_data
    with engine.connect() as connection, alone(connection, LOCK, "release", wait_seconds):
        with connection.begin():
            prepare_schema(connection)
            status = connection.execute(
                text("select status from release.release where release_id = :number"), {"number": release_id}
            ).scalar()
            if status != "released":
                said = f"it is {status}" if status else "there is none of that number"
                raise StatloomError(f"release {release_id} cannot be withdrawn: {said}")
            connection.execute(
                text(
                    "update release.release set status = 'withdrawn', withdrawn_at = now(),"
                    " withdrawn_reason = :reason where release_id = :number"
                ),
                {"number": release_id, "reason": reason.strip()},
            )
            _cells_in_force(connection, open_data)
        settle(connection, open_data)


def overview(engine: Engine) -> Sequence[Row]:
    """Return all releases, oldest first: ``release_id``, ``state`` (`released`, `under embargo`, `withdrawn`,
    `replaced`, `writing`), ``moment`` (text: since or until when, UTC) and ``withdrawn_reason``.
    """
    with engine.begin() as connection:
        prepare_schema(connection)
        return connection.execute(
            text(
                "select release_id, case when status = 'released' and visible_from > now()"
                " then 'under embargo' else status end as state, case when visible_from = :not_yet then"
                " 'until the calendar has an hour for it' else to_char(coalesce(withdrawn_at, released_at,"
                " created_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC' end as moment,"
                " withdrawn_reason from release.release order by release_id"
            ),
            {"not_yet": calendar.NOT_YET},
        ).all()


def settle(connection: Connection, open_data: Path) -> list[int]:
    """Bring folders, the link ``latest``, the list of releases and the portal's cells to what stands; return
    the numbers that became public by it.
    """
    with connection.begin():
        visible = (
            run(connection, "select release_id from release.visible order by release_id").scalars().all()
        )
        in_force = run(connection, _IN_FORCE).scalar()
        hidden = [n for n in visible if folder.standing(open_data, n) != open_data / str(n)]
        for release_id in hidden:
            folder.reveal(open_data, release_id)
        if in_force is None:
            folder.point_nowhere(open_data)
        elif (open_data / str(in_force)).is_dir():
            folder.point_latest(open_data, in_force)
        if in_force is not None:
            run(connection, f"delete from release.cell where release_id < {in_force:d}")
        listing.write(connection, open_data)
    return hidden


def _date(connection: Connection, hours: tuple[calendar.Hour, ...]) -> None:
    """Give releases that wait for an hour of the calendar theirs, when it has one by now."""
    waiting = connection.execute(
        text("select release_id, created_at from release.release where visible_from = :not_yet"),
        {"not_yet": calendar.NOT_YET},
    ).all()
    for release_id, made_at in waiting:
        hour = calendar.hour_after(made_at, hours)
        if hour:
            connection.execute(
                text(
                    "update release.release set visible_from = :at, released_at = :at"
                    " where release_id = :release_id"
                ),
                {"at": hour.at, "release_id": release_id},
            )


def _cells_in_force(connection: Connection, open_data: Path) -> None:
    """Read the cells of the release that is in force from its files, where the table has them no more."""
    in_force = run(connection, _IN_FORCE).scalar()
    if (
        in_force is None
        or run(
            connection, f"select exists (select from release.cell where release_id = {in_force:d})"
        ).scalar()
    ):
        return
    run(connection, f"delete from release.cell where release_id < {in_force:d}")
    files = str(open_data / str(in_force) / "data" / "*.parquet")
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as engine:
        there = engine.execute(
            "select column_name from (describe select * from read_parquet($1, union_by_name = true))", [files]
        ).fetchall()
        columns = [name for name in CELL if (name,) in there]
        rows = Path(scratch) / "cells.csv"
        engine.execute(
            f"copy (select {in_force:d} as release_id, {names(columns)} "
            f"from read_parquet('{_quoted(files)}', union_by_name = true)) "
            f"to '{_quoted(str(rows))}' (format csv, header false, nullstr '\\N')"
        )
        copy = f"copy release.cell (release_id, {names(columns)}) from stdin (format csv, null '\\N')"
        with connection.connection.cursor() as cursor, cursor.copy(copy) as into, rows.open("rb") as file:
            while block := file.read(1 << 20):
                into.write(block)


def _quoted(path: str) -> str:
    return path.replace("'", "''")
