"""Backups: what is kept, how it comes back, and the drill that shows it.

A backup folder (``STATLOOM_BACKUP``, else one beside the cluster) has

    base/<moment>/      a physical copy of the cluster with the log it needs (server is ours)
    wal/                the log since, part by part: with a base copy it gives any moment back
    dump/<moment>.dump  a logical copy (server is an office's own)
    archive/            every delivery, by its sha256
    secrets/            logins and keys, without which neither can be read
"""

from statloom.backup.drill import Drill, rehearse
from statloom.backup.keep import KEPT, Backup, backups, make
from statloom.backup.restore import Restored, restore

__all__ = ["KEPT", "Backup", "Drill", "Restored", "backups", "make", "rehearse", "restore"]
