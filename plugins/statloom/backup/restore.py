"""Brings the database back to a moment."""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from statloom import processes
from statloom.backup.keep import Backup, backups, copy_files
from statloom.errors import StatloomError
from statloom.settings import Settings
from statloom.warehouse import passwords, roles, server, setup

SECONDS_TO_RECOVER = 3600


@dataclass(frozen=True)
class Restored:
    """What a restore did: from which backup, to which moment of the log, and where the former cluster is."""

    backup: Backup
    recovered_to: datetime | None
    """When the last transaction that is back was committed; None when none was in the log."""
    former: Path | None


def restore(settings: Settings, *, at: datetime | None = None, source: Path | None = None) -> Restored:
    """Bring the embedded server back as it was ``at`` a moment (with time zone), or the latest.

    ``source`` is the backup folder, default the installation's own. The former cluster is kept beside the new
    one. Deliveries that the archive has lost, and missing secrets, are put back as well. The server does not
    run afterwards. Raises StatloomError when no backup is old enough, the log does not reach ``at``, the
    server runs, or it is an external one.
    """
    if server.external():
        raise StatloomError(
            "STATLOOM_DATABASE_URL names a server that Statloom does not run; give its dump back with "
            f"pg_restore --clean --if-exists: the newest lies in {server.backup_folder(settings) / 'dump'}"
        )
    folder = source or server.backup_folder(settings)
    chosen = _choose(folder, settings, at)
    copy_files(folder / "secrets", settings.secrets)
    former = server.replace_cluster(settings, lambda draft: _unpack(settings, chosen, draft))
    # What the lost server had not yet handed over may still lie in its own folder.
    last = former / "pg_wal" if former else None
    try:
        recovered = _recover(settings, folder / "wal", last, at)
    except StatloomError:
        server.stop(settings)
        raise
    if "://" not in settings.archive:
        copy_files(folder / "archive", Path(settings.archive))
    return Restored(chosen, recovered, former)


def restore_copy(settings: Settings, backup: Backup, wal: Path) -> datetime | None:
    """Bring ``backup`` and the log after it back in another installation's ``settings``; its server stays up.

    Returns when the last transaction of the log was committed, None for a dump. Raises StatloomError.
    """
    if not backup.physical:
        running = server.ensure_running(settings)
        setup.prepare(settings)
        server.run_tool(
            settings,
            "pg_restore",
            *("-h", running.host, "-p", running.port, "-U", server.ADMINISTRATOR, "-w", "-d", setup.DATABASE),
            *("--clean", "--if-exists", "--no-privileges", "--no-owner", "--role", roles.ENGINEER),
            password=passwords.of(settings, server.ADMINISTRATOR),
            # Opened by us: the dump need not be readable by the account of the cluster.
            reads=backup.path,
        )
        return None
    server.replace_cluster(settings, lambda draft: _unpack(settings, backup, draft))
    return _recover(settings, wal, None, None, keep=True)


def _choose(folder: Path, settings: Settings, at: datetime | None) -> Backup:
    if at is not None and at.tzinfo is None:
        raise StatloomError("say the time zone of the moment, such as 2026-11-22T10:00:00Z")
    found = [backup for backup in backups(settings, folder) if backup.physical]
    if not found:
        raise StatloomError(f"there is no base backup in {folder}")
    early = [backup for backup in found if at is None or backup.moment <= at]
    if not early:
        raise StatloomError(
            f"the oldest backup in {folder} was complete at {found[0].moment:%Y-%m-%dT%H:%M:%SZ}; "
            f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} was before"
        )
    return early[-1]


def _unpack(settings: Settings, backup: Backup, draft: Path) -> None:
    server.run_tool(settings, "tar", "-xzf", backup.path / "base.tar.gz", "-C", draft)
    server.run_tool(settings, "tar", "-xzf", backup.path / "pg_wal.tar.gz", "-C", draft / "pg_wal")
    server.run_tool(settings, "touch", draft / "recovery.signal")


def _recover(
    settings: Settings, wal: Path, last: Path | None, at: datetime | None, *, keep: bool = False
) -> datetime | None:
    part = shlex.quote(f"{wal}/%f.gz")
    command = f"test -f {part} && gunzip -c {part} > %p"
    if last is not None:
        command = f"({command}) || cp {shlex.quote(str(last))}/%f %p"
    options = {"restore_command": command, "archive_mode": "off", "recovery_target_action": "promote"}
    if at is not None:
        options["recovery_target_time"] = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
    running = server.ensure_running(settings, options=options)
    recovered = []

    def promoted() -> bool:
        with psycopg.connect(
            host=running.host,
            port=running.port,
            user=server.ADMINISTRATOR,
            password=passwords.of(settings, server.ADMINISTRATOR),
            dbname="postgres",
        ) as session:
            recovering, moment = session.execute(
                "select pg_is_in_recovery(), pg_last_xact_replay_timestamp()"
            ).fetchone()
            recovered.append(moment)
            return not recovering

    if not processes.wait_until(promoted, seconds=SECONDS_TO_RECOVER, pause=0.1):
        raise StatloomError(f"the database did not recover within {SECONDS_TO_RECOVER} s")
    if not keep:
        server.stop(settings)
    known = [moment for moment in recovered if moment is not None]
    return known[-1] if known else None
