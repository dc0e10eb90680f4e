"""Makes backups, and lists and thins those that are there."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from statloom import processes
from statloom.errors import StatloomError
from statloom.settings import Settings
from statloom.warehouse import connection, passwords, server

KEPT = 7
_FORM = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Backup:
    """One backup of the database. ``moment`` is when it was complete, the earliest that it can give back."""

    path: Path
    moment: datetime
    physical: bool
    """Whether it is a base copy that the log carries on; else a dump."""


def make(settings: Settings, *, kept: int = KEPT) -> Backup:
    """Back up the database, the archive of deliveries and the secrets; keep the last ``kept``.

    The embedded server gives a base copy, from which its log goes on; an external one a dump. Deliveries are
    added, never removed. A backup appears under its name only when it is whole. Raises StatloomError when the
    server does not run, the folder cannot be written, or a copy turns out not to be readable.
    """
    folder = server.backup_folder(settings)
    with processes.lock(settings.run / "backup.lock"):
        made = _dump(settings, folder) if server.external() else _base(settings, folder)
        if "://" not in settings.archive:
            copy_files(Path(settings.archive), folder / "archive")
        copy_files(settings.secrets, folder / "secrets", renew=True)
        for old in backups(settings)[:-kept]:
            shutil.rmtree(old.path) if old.physical else old.path.unlink()
        _drop_old_log(settings, folder)
    return made


def backups(settings: Settings, folder: Path | None = None) -> list[Backup]:
    """Return the backups in ``folder`` (default: the installation's own), oldest first."""
    folder = folder or server.backup_folder(settings)
    found = [
        Backup(path, datetime.strptime(path.stem, _FORM).replace(tzinfo=UTC), physical)
        for physical, pattern in ((True, "base/*"), (False, "dump/*.dump"))
        for path in folder.glob(pattern)
        if re.fullmatch(r"\d{8}T\d{6}Z", path.stem)
    ]
    return sorted(found, key=lambda backup: backup.moment)


def _base(settings: Settings, folder: Path) -> Backup:
    running = server.current(settings)
    if running is None:
        raise StatloomError("the database is not running; start it with 'statloom up'")
    for part in (folder, folder / "wal", folder / "base"):
        server.give_to_account(part)
    draft = folder / "base" / "unfinished"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        server.run_tool(
            settings,
            "pg_basebackup",
            *("-h", running.host, "-p", running.port, "-U", server.COPIER, "-w"),
            *("-D", draft, "--format=tar", "--compress=client-gzip:1"),
            *("--wal-method=stream", "--checkpoint=fast", "--label=statloom"),
            password=passwords.of(settings, server.COPIER),
        )
        server.run_tool(settings, "gzip", "--test", draft / "base.tar.gz", draft / "pg_wal.tar.gz")
        return _named(draft, folder / "base", "", physical=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _dump(settings: Settings, folder: Path) -> Backup:
    target = folder / "dump"
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    draft = target / "unfinished"
    where = connection.url("engineer")
    plain = connection.address(where)
    try:
        server.run_tool(
            settings,
            "pg_dump",
            *("--format=custom", "--compress=1", "--no-password", "--file", draft, "--dbname", plain),
            password=where.password or "",
        )
        server.run_tool(settings, "pg_restore", "--list", draft)
        return _named(draft, target, ".dump", physical=False)
    finally:
        draft.unlink(missing_ok=True)


def _named(draft: Path, folder: Path, suffix: str, *, physical: bool) -> Backup:
    """Give a finished backup the name of this moment; names of two backups always differ."""
    while (path := folder / (datetime.now(UTC).strftime(_FORM) + suffix)).exists():
        processes.wait_until(lambda path=path: not path.exists(), seconds=1)
    draft.rename(path)
    return Backup(path, datetime.strptime(path.stem, _FORM).replace(tzinfo=UTC), physical)


def copy_files(source: Path, target: Path, *, renew: bool = False) -> None:
    """Copy the files of ``source`` that ``target`` has not, with ``renew`` all; each appears only whole."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in source.rglob("*"):
        copy = target / path.relative_to(source)
        if not path.is_file() or path.name.startswith(".") or (copy.exists() and not renew):
            continue
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = copy.with_name(f".{copy.name}.part")
        draft.unlink(missing_ok=True)
        shutil.copy2(path, draft)
        os.replace(draft, copy)


def _drop_old_log(settings: Settings, folder: Path) -> None:
    """Remove the log from before the oldest base copy: nothing can be restored with it."""
    oldest = next((backup for backup in backups(settings) if backup.physical), None)
    if oldest is None:
        return
    needed = json.loads((oldest.path / "backup_manifest").read_text())["WAL-Ranges"][0]
    high, low = (int(half, 16) for half in needed["Start-LSN"].split("/"))
    first = f"{high:08X}{low >> 24:08X}"
    for part in (folder / "wal").glob("*.gz"):
        # Only the number within the timeline says how old a part is; histories of timelines always stay.
        if re.match(r"[0-9A-F]{24}", part.name) and part.name[8:24] < first:
            part.unlink()
