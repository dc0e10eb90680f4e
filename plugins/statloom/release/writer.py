"""Write what was prepared as a release: files first, then one row that shows it, then the link to it."""

# ruff: noqa: S608  names in these statements are constants of this package or quoted

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from statloom import settings
from statloom.errors import GateError, StatloomError
from statloom.exports import catalogue, checksums, csvw, data_package
from statloom.exports.figures import Kept
from statloom.exports.model import About, Metadata, Source
from statloom.publication.lock import alone
from statloom.publication.sql import literal, names, run
from statloom.release import audit, calendar, changes, folder, metadata, portals, public_use, standing, tables
from statloom.release.about import texts
from statloom.release.columns import CELL, DATASET, prepare_schema
from statloom.release.protection import loss, memory


@dataclass(frozen=True)
class Release:
    """The newest release after ``write``: its number, whether this call made it, its folder, and the hour
    until which it is under embargo (None: it is public or withdrawn).
    """

    release_id: int
    changed: bool
    folder: Path
    embargo: datetime | None = None


def write(engine: Engine, *, run_id: str | None, wait_seconds: float = 600) -> Release:
    """Write what ``prepare`` prepared to ``open_data/<release_id>/`` and show it to the portal role.

    Where a calendar is kept, it is under embargo until the calendar's next hour: it stands in a folder apart,
    and the portal role does not see it. One that was under embargo before is replaced by it. What an hour has
    passed for is revealed first.

    The same publication under the same rules, texts and code is not released again: the newest release is
    returned, also when it was withdrawn. What a writer left that died is finished when its files were
    complete, and otherwise removed. Raises GateError when this run's release gate did not pass, or the
    auditor finds that the files, beside those of earlier ones, give a left-out cell away; StatloomError when
    nothing is prepared, when a left-out cell can be computed from its neighbours, when the calendar cannot be
    read, when another release is being written, or when database or disk fail.
    """
    open_data = settings.load().open_data
    try:
        open_data.mkdir(parents=True, exist_ok=True)
        with engine.connect() as connection, alone(connection, standing.LOCK, "release", wait_seconds):
            return _write(connection, open_data, run_id)
    except OperationalError as error:
        raise StatloomError(
            f"the database failed while a release was written ({str(error.orig).splitlines()[0]}); "
            "no half release is visible. Run it again"
        ) from error
    except OSError as error:
        raise StatloomError(
            f"a release could not be written to {open_data} ({error}); no half release is visible. "
            "Make room or mend the folder, and run it again"
        ) from error


def _write(connection: Connection, open_data: Path, run_id: str | None) -> Release:
    with connection.begin():
        prepare_schema(connection)
        memory.make(connection)
        loss.make(connection)
    hours = calendar.read()
    _recover(connection, open_data)
    standing.reveal(connection, open_data, hours)
    with connection.begin():
        publication_id, inputs, sources, said = _prepared(connection, run_id)
        newest = _newest(connection)
    if newest and newest.inputs_sha256 == inputs:
        release_id = newest.release_id
        return Release(release_id, False, folder.standing(open_data, release_id), newest.embargo)
    with connection.begin():
        _is_in_time(connection, newest)
    release_id = _begin(connection, open_data, publication_id, inputs, hours)
    try:
        with connection.begin():
            about = _about(connection, release_id, publication_id, said)
            manifest = _files(connection, open_data, about, sources)
            here = folder.written(open_data, release_id)
            audit.gate(connection, open_data, release_id, here, run_id=run_id)
            _rows(connection, release_id, manifest)
    except GateError:
        # Nothing of it stays, and its number is free again.
        _recover(connection, open_data)
        raise
    embargo = standing.embargo(connection, release_id)
    final = folder.appear(open_data, release_id, public=embargo is None)
    _show(connection, open_data, release_id)
    return Release(release_id, True, final, embargo)


def _newest(connection: Connection):
    return run(
        connection,
        "select release_id, inputs_sha256, "
        "case when status = 'released' and visible_from > now() then visible_from end as embargo "
        "from release.release where status in ('released', 'withdrawn') order by release_id desc limit 1",
    ).one_or_none()


def _recover(connection: Connection, open_data: Path) -> None:
    """Finish or remove what a writer left that died."""
    with connection.begin():
        unfinished = run(
            connection, "select release_id, manifest_sha256 from release.release where status = 'writing'"
        ).all()
    for release_id, manifest in unfinished:
        listed = folder.standing(open_data, release_id) / checksums.NAME
        if manifest and listed.exists() and checksums.sha256(listed) == manifest:
            _show(connection, open_data, release_id)
            continue
        folder.remove(open_data, release_id)
        with connection.begin():
            run(connection, f"delete from release.cell where release_id = {release_id:d}")
            memory.forget(connection, release_id)
            run(connection, f"delete from release.release where release_id = {release_id:d}")
    folder.clear_unfinished(open_data)


def _prepared(connection: Connection, run_id: str | None) -> tuple[int, str, dict[str, Source], Metadata]:
    candidate = run(
        connection, "select publication_id, inputs_sha256, sources, metadata from release.candidate"
    ).one_or_none()
    if candidate is None:
        raise StatloomError("no release is prepared; prepare one first")
    failed = connection.execute(
        text(
            "select not passed from quality.gate_run where gate = 'release' and subject = 'release' "
            "and run_id = :run_id "
            "order by gate_run_id desc limit 1"
        ),
        {"run_id": run_id},
    ).scalar()
    if failed:
        raise GateError("the release's gate did not pass in this run; nothing is released")
    leaks = run(
        connection,
        "select series_code, cells_recoverable from release.candidate_dataset where cells_recoverable > 0 "
        "order by cells_recoverable desc, series_code",
    ).all()
    if leaks:
        listed = ", ".join(f"{series} ({cells})" for series, cells in leaks[:5])
        raise StatloomError(
            f"left-out cells can be computed from published totals and their neighbours: {listed}; "
            "nothing is released. Leave out a second cell of each sum, or use coarser categories"
        )
    fields = ("title", "title_ne", "kind", "custodian", "licence", "provenance", "synthetic")
    sources = {
        source_id: Source(source_id, **{field: said[field] for field in fields})
        for source_id, said in candidate.sources.items()
    }
    said = metadata.build(candidate.metadata)
    return candidate.publication_id, candidate.inputs_sha256, sources, said


def _is_in_time(connection: Connection, newest) -> None:
    """Refuse what was prepared without knowing what the newest release shows and leaves out."""
    known = run(connection, "select known_release from release.candidate").scalar_one()
    if newest and newest.release_id > known:
        raise StatloomError(
            f"release {newest.release_id} came after this one was prepared, so that what both show together "
            "is not protected; nothing is released. Prepare it again"
        )


def _begin(
    connection: Connection,
    open_data: Path,
    publication_id: int,
    inputs: str,
    hours: tuple[calendar.Hour, ...],
) -> int:
    """Take the next number, above every release that the database or the folder knows."""
    with connection.begin():
        known = run(connection, "select coalesce(max(release_id), 0) from release.release").scalar_one()
        release_id = max([known, *folder.numbers(open_data)]) + 1
        connection.execute(
            text(
                "insert into release.release "
                "(release_id, publication_id, status, folder, inputs_sha256, visible_from) "
                "values (:release_id, :publication_id, 'writing', :folder, :inputs, :visible_from)"
            ),
            {
                "release_id": release_id,
                "publication_id": publication_id,
                "folder": str(open_data / str(release_id)),
                "inputs": inputs,
                "visible_from": calendar.visible_from(datetime.now(UTC), hours),
            },
        )
    return release_id


def _about(connection: Connection, release_id: int, publication_id: int, said: Metadata) -> About:
    """Describe the release. It is dated by its hour of the calendar, else by its publication: not by the
    clock, so that the same publication gives the same files on any day.
    """
    issued = connection.execute(
        text(
            "select (coalesce(nullif(r.visible_from, :not_yet), p.published_at, r.created_at)"
            " at time zone 'UTC')::date from release.release r"
            " left join publication.publication p using (publication_id) where release_id = :release_id"
        ),
        {"not_yet": calendar.NOT_YET, "release_id": release_id},
    ).scalar_one()
    return About(release_id, publication_id, issued, metadata=said, **texts())


def _files(connection: Connection, open_data: Path, about: About, sources: dict[str, Source]) -> str:
    """Write all files of the release and return the checksum of its list of checksums."""
    here = folder.start(open_data, about.release_id)
    kept = Kept()
    # First: what it stops for has cost little then.
    records = public_use.write(connection, here, about)
    made, whole = tables.write(connection, here, about, sources, kept)
    portal = portals.write(here, about, made, kept)
    made = [*made, *records]
    whole = [*whole, *portal.files]
    data_package.write(here, about, made, whole)
    csvw.write(here, about, made)
    catalogue.write(here, about, made, whole)
    changes.write(connection, here, about)
    loss.write(connection, here)
    portals.write_pages(here, about, made, portal)
    files = [file for table in made for file in (table.file, table.parquet, *table.others) if file]
    return checksums.write(here, {file.path: file.sha256 for file in (*files, *whole)})


def _rows(connection: Connection, release_id: int, manifest: str) -> None:
    """Put the cells and datasets where the portal role will read them, unseen as yet."""
    for table, columns in (("cell", CELL), ("dataset", DATASET)):
        run(connection, f"delete from release.{table} where release_id >= {release_id:d}")
        run(
            connection,
            f"insert into release.{table} (release_id, {names(columns)}) "
            f"select {release_id:d}, {names(columns)} from release.candidate_{table}",
        )
    memory.remember(connection, release_id)
    loss.keep(connection, release_id)
    run(
        connection,
        f"update release.release set manifest_sha256 = {literal(manifest)}, "
        "datasets = d.datasets, cells = d.cells, cells_suppressed = d.cells_suppressed "
        "from (select count(*) as datasets, coalesce(sum(cells), 0) as cells, "
        "coalesce(sum(cells_suppressed), 0) as cells_suppressed from release.candidate_dataset) d "
        f"where release_id = {release_id:d}",
    )


def _show(connection: Connection, open_data: Path, release_id: int) -> None:
    """Show the release, or let it wait for its hour; one that waited before is replaced and gone."""
    with connection.begin():
        run(
            connection,
            "update release.release set status = 'released', "
            f"released_at = greatest(now(), visible_from) where release_id = {release_id:d}",
        )
        replaced = run(
            connection,
            "update release.release set status = 'replaced' where status = 'released' "
            f"and visible_from > now() and release_id < {release_id:d} returning release_id",
        ).scalars()
        for former in list(replaced):
            run(connection, f"delete from release.cell where release_id = {former:d}")
            memory.forget(connection, former)
            folder.remove(open_data, former)
    standing.settle(connection, open_data)
