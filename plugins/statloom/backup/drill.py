"""The drill: brings the newest backup back on a scratch server and compares it with the original."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, text

from statloom.backup.keep import Backup, backups
from statloom.backup.restore import restore_copy
from statloom.errors import StatloomError
from statloom.landing.archive import Archive
from statloom.settings import Settings
from statloom.warehouse import connection, passwords, server

_CHECK = """
select count(*), coalesce(sum(hashtextextended(checked::text, 0)::numeric), 0) from marts.{mart} as checked
"""


@dataclass(frozen=True)
class Compared:
    """One mart, or all deliveries: rows or files on both sides, and whether they are the same."""

    name: str
    rows_original: int
    rows_restored: int
    same: bool


@dataclass(frozen=True)
class Drill:
    """What a drill found, when the newest backup was brought back; ``error`` says why it was not."""

    backup: str | None
    recovered_to: datetime | None = None
    publication_id: int | None = None
    compared: list[Compared] = field(default_factory=list)
    error: str | None = None

    @property
    def passed(self) -> bool:
        """Whether everything came back as it was."""
        return self.error is None and bool(self.compared) and all(part.same for part in self.compared)


def rehearse(settings: Settings) -> Drill:
    """Restore the newest backup on a scratch server, compare, write ``quality.restore_drill``.

    Every mart, as of the publication that the backup holds, is compared by its number of rows and a checksum
    over all of them; every delivery in the backup with its own sha256. Raises StatloomError when there is no
    backup or it cannot be restored; the drill then stands as failed, with the reason.
    """
    original = connection.engine()
    began = datetime.now(UTC)
    newest = next(reversed(backups(settings)), None)
    name = newest.path.name if newest else None
    try:
        if newest is None:
            raise StatloomError(f"there is no backup in {server.backup_folder(settings)}")
        with _scratch(settings, newest) as (restored, recovered_to):
            publication_id, compared = _compare(original, restored)
        compared.append(_deliveries(server.backup_folder(settings) / "archive"))
    except StatloomError as error:
        _write(original, began, Drill(name, error=str(error)))
        raise
    drill = Drill(name, recovered_to, publication_id, compared)
    _write(original, began, drill)
    return drill


@contextlib.contextmanager
def _scratch(settings: Settings, backup: Backup) -> Iterator[tuple[Engine, datetime | None]]:
    """Give the restored warehouse, as engineer, on a server that is gone afterwards."""
    source = server.backup_folder(settings)
    with tempfile.TemporaryDirectory(prefix="statloom-drill-") as folder:
        Path(folder).chmod(0o711)
        scratch = Settings(project=settings.project, home=Path(folder) / "home")
        shutil.copytree(source / "secrets", scratch.secrets)
        scratch.home.chmod(0o711)
        try:
            with server.embedded():
                recovered_to = restore_copy(scratch, backup, source / "wal")
                running = server.current(scratch)
            engine = create_engine(
                URL.create(
                    "postgresql+psycopg",
                    "statloom_engineer",
                    passwords.known(scratch, "statloom_engineer"),
                    running.host,
                    running.port,
                    connection.DATABASE,
                )
            )
            yield engine, recovered_to
            engine.dispose()
        finally:
            with server.embedded():
                server.remove(scratch)


def _compare(original: Engine, restored: Engine) -> tuple[int, list[Compared]]:
    """Compare the marts of both as of the restored one's publication."""
    with original.connect() as left, restored.connect() as right:
        publication_id = right.scalar(text("select publication_id from publication.pointer"))
        for side in (left, right):
            side.execute(
                text("select set_config('statloom.publication', :number, false)"),
                {"number": str(publication_id)},
            )
        names = [
            row.table_name
            for row in right.execute(
                text(
                    "select table_name from information_schema.views where table_schema = 'marts' order by 1"
                )
            )
        ]
        found = []
        for name in names:
            check = text(_CHECK.format(mart=right.dialect.identifier_preparer.quote(name)))
            there, here = right.execute(check).one(), left.execute(check).one()
            found.append(Compared(name, here[0], there[0], tuple(here) == tuple(there)))
    return publication_id, found


def _deliveries(folder: Path) -> Compared:
    """Say whether each delivery in the backup still has the bytes that its name says, sealed ones inside."""
    archive = Archive(folder)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    whole = sum(archive.sound(path.relative_to(folder).as_posix()) for path in files)
    return Compared("deliveries", len(files), whole, whole == len(files))


def _write(engine: Engine, began: datetime, drill: Drill) -> None:
    with engine.begin() as session:
        session.execute(
            text(
                "insert into quality.restore_drill"
                " (began_at, backup, recovered_to, publication_id, compared, passed, message)"
                " values (:began, :backup, :recovered, :publication,"
                " cast(:compared as jsonb), :passed, :message)"
            ),
            {
                "began": began,
                "backup": drill.backup,
                "recovered": drill.recovered_to,
                "publication": drill.publication_id,
                "compared": json.dumps([asdict(part) for part in drill.compared]),
                "passed": drill.passed,
                "message": drill.error,
            },
        )
