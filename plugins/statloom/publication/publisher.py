"""Publish the candidate marts: difference written unseen, then one pointer row flipped."""

# ruff: noqa: S608  every name in these statements is quoted by statloom.publication.sql

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from statloom.errors import StatloomError
from statloom.publication import difference, noted, shapes, supplements, tables, views
from statloom.publication.difference import Change
from statloom.publication.lock import alone
from statloom.publication.shapes import Shape
from statloom.publication.sql import LOCK_NOT_AVAILABLE, quote, run, state

# "stlo" read as a number: every publisher of one database takes this advisory lock.
_LOCK = 0x73746C6F
# A flip is dated this far ahead, longer than its commit takes, so that no transaction that began before the
# commit finds itself dated after it.
_AHEAD_SECONDS = 0.08


@dataclass(frozen=True)
class Publication:
    """The publication that readers see after ``publish``: its number, and whether this call made it.

    ``changes`` has one entry a mart, with rows added, changed and removed (all zero when nothing changed).
    """

    publication_id: int
    changed: bool
    changes: tuple[Change, ...]


def publish(
    engine: Engine, *, run_id: str | None, code_version: str | None, wait_seconds: float = 600
) -> Publication:
    """Publish all tables of schema ``candidate`` as one publication and return it.

    Readers' transactions that begin after the return see it; those that began earlier keep what they saw.
    When no row differs, nothing is written and the number stays. Another publisher is waited for during
    ``wait_seconds``, then StatloomError is raised; so it is when a candidate has no primary key, a published
    mart has no candidate, or a change of columns would break a user's view: the published marts are then as
    before. It is raised as well when the database fails: readers then see whole marts, and the next call
    completes.
    """
    try:
        with engine.connect() as connection, alone(connection, _LOCK, "publication", wait_seconds):
            return _publish(connection, run_id, code_version)
    except OperationalError as error:
        raise StatloomError(
            f"the database failed while a publication was written ({str(error.orig).splitlines()[0]}); "
            "readers see whole marts, of the former publication or the new one. Run it again"
        ) from error


def _publish(connection: Connection, run_id: str | None, code_version: str | None) -> Publication:
    _prepare_schema(connection)
    _clear_leftovers(connection)
    with connection.begin():
        candidates = _candidates(connection)
    _adapt(connection, candidates)
    with connection.begin():
        number, changes = _write(connection, candidates, run_id, code_version)
    _show(connection, candidates)
    if not any(changes):
        return Publication(number - 1, False, changes)
    _flip(connection, number)
    _renew_statistics(connection, candidates, changes)
    return Publication(number, True, changes)


def _prepare_schema(connection: Connection) -> None:
    with connection.begin():
        complete = run(
            connection,
            "select to_regclass('publication.mart') is not null "
            "and to_regclass('publication.current') is not null "
            "and to_regproc('publication.note_rows') is not null",
        ).scalar_one()
        if not complete:
            run(connection, (Path(__file__).parent / "schema.sql").read_text())


def _clear_leftovers(connection: Connection) -> None:
    """Take back what a publisher wrote that died before its flip."""
    with connection.begin():
        # A clock that was set back would hide the newest publication until it catches up.
        run(
            connection,
            "update publication.publication set published_at = clock_timestamp() "
            "where status = 'published' and published_at > clock_timestamp() + interval '1 second'",
        )
        pointer = run(connection, "select publication_id from publication.pointer").scalar_one()
        unseen = f"publication_id > {pointer:d}"
        marts = run(
            connection,
            f"select distinct mart from publication.mart_change where {unseen} "
            "and rows_added + rows_changed + rows_removed > 0",
        ).scalars()
        for mart in list(marts):
            table = f"published.{quote(mart)}"
            run(connection, f"delete from {table} where {tables.WRITTEN} > {pointer:d}")
            run(connection, f"update {table} set published_to = null where published_to > {pointer:d}")
        run(connection, f"delete from publication.mart_change where {unseen}")
        if run(connection, f"delete from publication.publication where {unseen}").rowcount:
            noted.forget(connection)


def _candidates(connection: Connection) -> dict[str, Shape]:
    candidates = shapes.read(connection, "candidate")
    if not candidates:
        raise StatloomError("schema candidate has no tables; build the marts before publishing them")
    for mart, shape in candidates.items():
        if not shape.key:
            raise StatloomError(
                f"candidate.{mart} has no primary key; its rows cannot be compared with what is published"
            )
        for name in tables.HIDDEN:
            if name in shape.columns:
                raise StatloomError(f"candidate.{mart}: the column name {name} is kept for publication")
    for mart in shapes.read(connection, "marts", "v"):
        if mart not in candidates:
            raise StatloomError(
                f"candidate.{mart} is missing, but marts.{mart} is published; build it, "
                f'or retire the mart with: drop view marts."{mart}"'
            )
    return candidates


def _without_queueing(connection: Connection, change: Callable[[], None], patience: float = 300) -> None:
    """Run ``change`` in a transaction of its own, and again later when readers hold what it needs.

    A lock that waits makes every later reader wait behind it, so none is waited for longer than 0.2 s.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            with connection.begin():
                run(connection, "set local lock_timeout = '200ms'")
                change()
            return
        except DBAPIError as error:
            if state(error) != LOCK_NOT_AVAILABLE:
                raise
            if time.monotonic() > deadline:
                raise StatloomError(
                    f"columns of the marts changed, but readers held the marts for {patience:.0f} s; "
                    "end the long-running queries on schema marts and publish again"
                ) from error
        time.sleep(0.3)


def _adapt(connection: Connection, candidates: dict[str, Shape]) -> None:
    """Bring published tables and their views to the candidates' columns and keys."""
    with connection.begin():
        published = shapes.read(connection, "published")
        shown = shapes.read(connection, "marts", "v")
    for mart in candidates.keys() & published.keys():
        candidate, table, view = candidates[mart], published[mart], shown.get(mart)
        columns = views.columns_wanted(view, candidate)
        if tables.differs(table, candidate) or (view and list(view.columns) != columns):

            def change(mart=mart, candidate=candidate, table=table, view=view, columns=columns) -> None:
                why = views.broken_by(view, candidate)
                grants = views.drop(connection, mart, why) if why else []
                tables.adapt(connection, mart, table, candidate)
                views.put(connection, mart, columns)
                for statement in grants:
                    run(connection, statement)

            _without_queueing(connection, change)
        with connection.begin():
            for name in supplements.names(connection, mart):
                tables.index_for_readers(connection, name, candidate)
            known = connection.execute(
                text("select hash_basis from publication.mart where mart = :mart"), {"mart": mart}
            ).scalar_one_or_none()
            if known != _hash_basis(connection, candidate):
                difference.rehash(connection, mart, candidate)
                _remember(connection, mart, candidate)


def _hash_basis(connection: Connection, candidate: Shape) -> str:
    """Return what the row hashes depend on: the server's major version, the columns and their types."""
    version = connection.dialect.server_version_info[0]
    columns = ", ".join(f"{name} {kind}" for name, kind in candidate.columns.items())
    return f"PostgreSQL {version}: key {', '.join(candidate.key)}; {columns}"


def _remember(connection: Connection, mart: str, candidate: Shape) -> None:
    connection.execute(
        text(
            "insert into publication.mart values (:mart, :key, :basis) on conflict (mart) "
            "do update set key_columns = excluded.key_columns, hash_basis = excluded.hash_basis"
        ),
        {"mart": mart, "key": list(candidate.key), "basis": _hash_basis(connection, candidate)},
    )


def _write(
    connection: Connection, candidates: dict[str, Shape], run_id: str | None, code_version: str | None
) -> tuple[int, tuple[Change, ...]]:
    """Write every mart's difference under the next number, in this transaction; return number and changes."""
    run(
        connection,
        f"lock table {', '.join(f'candidate.{quote(m)}' for m in candidates)} in share row exclusive mode",
    )
    run(connection, "set local work_mem = '128MB'")
    run(connection, "set local maintenance_work_mem = '256MB'")
    number = run(connection, "select publication_id from publication.pointer").scalar_one() + 1
    published = shapes.read(connection, "published")
    changes = []
    for mart, shape in candidates.items():
        if mart not in published:
            tables.create(connection, mart, shape)
            order = tables.order(mart, shape)
            changes.append(difference.load_all(connection, mart, shape, number, order))
            tables.index(connection, mart, shape)
            supplements.latest(connection, mart, shape)
            _remember(connection, mart, shape)
        else:
            changes.append(_write_difference(connection, mart, shape, number))
        noted.begin(connection, mart, shape, _hash_basis(connection, shape))
    if any(changes):
        connection.execute(
            text(
                "insert into publication.publication (publication_id, status, code_version, run_id) "
                "values (:number, 'writing', :code_version, :run_id)"
            ),
            {"number": number, "code_version": code_version, "run_id": run_id},
        )
        connection.execute(
            text("insert into publication.mart_change values (:number, :mart, :added, :changed, :removed)"),
            [{"number": number, **vars(change)} for change in changes],
        )
    return number, tuple(changes)


def _write_difference(connection: Connection, mart: str, shape: Shape, number: int) -> Change:
    basis = _hash_basis(connection, shape)
    if noted.trusted(connection, mart, basis) and noted.worthwhile(connection, mart):
        source = "noted_row"
        change = difference.find_noted(connection, mart, shape, noted.table_of(mart))
    else:
        source = f"candidate.{quote(mart)}"
        change = difference.find(connection, mart, shape)
    if change:
        difference.write(connection, mart, shape, number, tables.order(mart, shape), source)
    difference.look_at_all(connection)
    return change


def _show(connection: Connection, candidates: dict[str, Shape]) -> None:
    """Make the views that are missing, copy descriptions, and let the analyst role read."""
    with connection.begin():
        shown = shapes.read(connection, "marts", "v")
        for mart, candidate in candidates.items():
            view = shown.get(mart)
            if view is None:
                views.put(connection, mart, views.columns_wanted(None, candidate))
            views.describe(connection, mart, view or Shape(), candidate)
            views.grant(connection, mart)


def _flip(connection: Connection, number: int) -> None:
    """Show publication ``number`` to every transaction that begins from now on."""
    with connection.begin():
        # Not waiting for the disk keeps the commit far shorter than the time it is dated ahead.
        run(connection, "set local synchronous_commit = off")
        run(connection, f"update publication.pointer set publication_id = {number:d}")
        run(
            connection,
            "update publication.publication set status = 'published', published_at = "
            f"clock_timestamp() + interval '{_AHEAD_SECONDS} seconds' where publication_id = {number:d}",
        )
        shown = time.monotonic() + _AHEAD_SECONDS
    with connection.begin():
        # A commit that waits for the disk makes the flip before it durable too.
        run(connection, "select pg_current_xact_id()")
    time.sleep(max(0, shown - time.monotonic()))


def _renew_statistics(
    connection: Connection, candidates: dict[str, Shape], changes: tuple[Change, ...]
) -> None:
    """Give the planner new statistics of the tables of which more than a tenth was written."""
    for change in changes:
        if not change:
            continue
        with connection.begin():
            for statement in tables.stale(
                connection,
                change.mart,
                candidates[change.mart],
                change.added + change.changed,
                change.changed + change.removed,
            ):
                run(connection, statement)
