"""What must hold of an installation after something was killed, and again after the next run has completed.

Each check yields what is wrong as a sentence; nothing is wrong when it yields nothing.
"""

import csv
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from statloom.exports import checksums
from tests.under_fire.country import SOURCES, UNITS
from tests.under_fire.installation import Installation

CELLS = len(SOURCES) * 2 * (UNITS + 1)


def at_rest(here: Installation, old: int, new: int) -> list[str]:
    """Return what is wrong while a killed run waits for the next one: readers see one whole state."""
    with here.engine("analyst").connect() as reader, here.engine("portal").connect() as portal:
        return [*_marts(reader, {old, new}), *_released(portal, {old, new}), *_folders(here)]


def completed(here: Installation, old: int, new: int) -> list[str]:
    """Return what is wrong after a whole run: the new state is everywhere, and nothing is left over."""
    with (
        here.engine("analyst").connect() as reader,
        here.engine("portal").connect() as portal,
        here.engine().connect() as session,
    ):
        return [
            *_marts(reader, {new}),
            *_released(portal, {new}),
            *_folders(here),
            *_latest(here, portal, new),
            *_publications(session, old),
            *_deliveries(here, session),
            *_bookkeeping(session),
            *_left_over(here, session),
        ]


def _rows(session: Connection, query: str) -> list[tuple]:
    return [tuple(row) for row in session.execute(text(query))]


def _value(session: Connection, query: str):
    return session.scalar(text(query))


def _marts(reader: Connection, allowed: set[int]) -> Iterator[str]:
    """All marts in one transaction: whole, and of one delivery."""
    with reader.begin():
        seen = {}
        for mart in ("observation", "indicator_series"):
            [(cells, low, high)] = _rows(
                reader, f"select count(*), min(value)::int / 1000, max(value)::int / 1000 from marts.{mart}"
            )
            if cells != CELLS or low != high:
                yield f"marts.{mart} has {cells} rows of the deliveries {low} to {high}"
            seen[mart] = high
        for mart, rows in (("place", UNITS + 1), ("indicator", len(SOURCES))):
            [(found, low, high)] = _rows(
                reader, f"select count(*), min(stamp) / 1000, max(stamp) / 1000 from marts.{mart}"
            )
            if found != rows or low != high:
                yield f"marts.{mart} has {found} rows of the deliveries {low} to {high}"
            seen[mart] = high
    if len(set(seen.values())) != 1 or not set(seen.values()) <= allowed:
        yield f"marts show the deliveries {seen}, and may show one of {sorted(allowed)}"


def _released(portal: Connection, allowed: set[int]) -> Iterator[str]:
    with portal.begin():
        [(cells, releases, low, high)] = _rows(
            portal,
            "select count(*), count(distinct release_id), min(value)::int / 1000, max(value)::int / 1000"
            " from open_data.observation",
        )
    if (cells, releases) != (CELLS, 1) or low != high or high not in allowed:
        yield f"open_data shows {cells} cells of {releases} releases, of the deliveries {low} to {high}"


def _folders(here: Installation) -> Iterator[str]:
    """Every release that can be seen in the folder is whole."""
    for folder in here.settings.open_data.iterdir():
        if folder.name == "latest" or folder.name.isdigit():
            if not folder.is_dir():
                yield f"{folder} leads nowhere"
                continue
            yield from (f"{folder}: {problem}" for problem in checksums.problems(folder))


def _latest(here: Installation, portal: Connection, new: int) -> Iterator[str]:
    latest = here.settings.open_data / "latest"
    shown = _value(portal, "select max(release_id) from open_data.release")
    if os.readlink(latest) != str(shown):
        yield f"latest leads to {os.readlink(latest)}, and the portal shows {shown}"
    for series in SOURCES.values():
        [path] = latest.glob(f"data/**/{series}.csv")
        with path.open(newline="") as file:
            stamps = {int(float(row["value"])) // 1000 for row in csv.DictReader(file)}
        if stamps != {new}:
            yield f"{path} has figures of the deliveries {stamps}"


def _publications(session: Connection, old: int) -> Iterator[str]:
    pointer = _value(session, "select publication_id from publication.pointer")
    statuses = _rows(session, "select publication_id, status from publication.publication order by 1")
    if statuses != [(number, "published") for number in range(1, pointer + 1)]:
        yield f"publications {statuses}, and the pointer is at {pointer}"
    marts = _rows(session, "select tablename from pg_tables where schemaname = 'published'")
    for (mart,) in marts:
        for column, counted in (
            ("published_from", "rows_added + rows_changed"),
            ("published_to", "rows_changed + rows_removed"),
        ):
            # What a killed publisher wrote has gone, and what each publication changed is all there.
            wrong = _rows(
                session,
                f"select {column}, n, counted from (select {column}, count(*) as n from published.{mart}"
                f" where {column} is not null group by 1) r full join (select publication_id as {column},"
                f" {counted} as counted from publication.mart_change where mart = '{mart}' and {counted} > 0)"
                f" c using ({column}) where n is distinct from counted",
            )
            yield from (f"published.{mart}, {column} (number, rows, counted): {row}" for row in wrong)
        twice = _value(
            session, f"select count(*) from marts.{mart} m join published.{mart} p on p.published_to is null"
        )
        if mart == "place" and twice != (UNITS + 1) ** 2:
            yield f"published.{mart} has other open rows than marts.{mart}"
    with session.begin_nested():
        session.execute(text(f"set local statloom.publication = '{pointer - 1}'"))
        before = _value(session, "select max(value)::int / 1000 from marts.observation")
        session.execute(text("reset statloom.publication"))
    if before != old:
        yield f"as of the publication before, marts show the delivery {before}, which was {old}"
    recorded = _value(session, "select count(*) from publication.revision_recorded")
    if recorded != pointer:
        yield f"{recorded} of {pointer} publications have their revisions recorded"
    without = _value(
        session,
        "select count(*) from publication.build b where not exists"
        " (select from publication.build_input i where i.build_id = b.build_id)",
    )
    if without:
        yield f"{without} builds have no inputs"


def _deliveries(here: Installation, session: Connection) -> Iterator[str]:
    for source in SOURCES:
        rows = _rows(
            session,
            "select d.delivery_id, d.status, d.rows_loaded, d.sha256, d.archive_key,"
            f" (select count(*) from raw.{source} r where r._delivery_id = d.delivery_id)"
            f" from landing.delivery d where d.source_id = '{source}'",
        )
        for delivery, status, loaded, sha256, key, there in rows:
            if status != "accepted" or loaded != there:
                yield f"delivery {delivery} of {source} is {status}, {loaded} rows loaded, {there} there"
            kept = (Path(here.settings.archive) / key).read_bytes()
            if hashlib.sha256(kept).hexdigest() != sha256:
                yield f"delivery {delivery} of {source} lies otherwise in the archive"
        stray = _value(
            session,
            f"select count(*) from raw.{source} where _delivery_id not in"
            " (select delivery_id from landing.delivery)",
        )
        if stray:
            yield f"raw.{source} has {stray} rows of no delivery"


def _bookkeeping(session: Connection) -> Iterator[str]:
    gates = _rows(
        session,
        "select gate, subject, expectations, count(r.*) from quality.gate_run g"
        " left join quality.expectation_result r using (gate_run_id)"
        " group by gate_run_id having expectations <> count(r.*)",
    )
    yield from (f"gate {row} (gate, subject, expectations, results)" for row in gates)
    releases = _rows(session, "select release_id from release.release where status <> 'released'")
    yield from (f"release {number} is half written" for (number,) in releases)
    turn = _rows(session, "select owner, step from publication.warehouse_run")
    if turn != [(None, None)]:
        yield f"the turn is still {turn}"


def _left_over(here: Installation, session: Connection) -> Iterator[str]:
    locks = _rows(
        session,
        "select objid, pid from pg_locks where locktype = 'advisory' and database ="
        " (select oid from pg_database where datname = current_database())",
    )
    yield from (f"advisory lock {objid} is held by {pid}" for objid, pid in locks)
    sessions = _rows(
        session,
        "select pid, state, query from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and state in ('active', 'idle in transaction')",
    )
    yield from (f"session {row} goes on" for row in sessions)
    # Temporary tables of a session that was killed PostgreSQL itself clears away when it comes to it.
    relations = _rows(
        session,
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where relkind in ('r', 'v') and relname like '%\\_\\_dbt\\_%'",
    )
    yield from (f"relation {name} is left over" for (name,) in relations)
    for pattern in (".*", "*.part", "*.partial", "*.tmp", "*.new", "*.writing"):
        for path in (*here.settings.open_data.rglob(pattern), *Path(here.settings.archive).rglob(pattern)):
            yield f"{path} is left over"
    work = here.settings.work
    yield from (f"{path} is left over" for path in (work.iterdir() if work.exists() else ()))
    if not (here.settings.report / "index.html").exists():
        yield "there is no quality report"
