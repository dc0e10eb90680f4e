"""``statloom backup``: copies what must not be lost."""

import argparse

from statloom import backup
from statloom import settings as settings_module
from statloom.warehouse import server


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``statloom backup``."""
    parser.description = (
        "Back up the database, the archive of deliveries and the secrets into STATLOOM_BACKUP (without it, a "
        "folder beside the database, which does not survive its disk)."
    )
    parser.add_argument(
        "--keep", type=int, default=backup.KEPT, help="backups of the database to keep (%(default)s)"
    )
    parser.add_argument("--drill", action="store_true", help="bring it back on a scratch server, and compare")


def execute(arguments: argparse.Namespace) -> int:
    """Make a backup, say where it lies; with ``--drill`` also whether it comes back."""
    here = settings_module.load()
    with server.running(here):
        made = backup.make(here, kept=arguments.keep)
        print(f"backup   {made.path}")
        if not arguments.drill:
            return 0
        drill = backup.rehearse(here)
    for part in drill.compared:
        print(f"{'same' if part.same else 'DIFFERENT':<9}{part.name} ({part.rows_restored:,})")
    return 0 if drill.passed else 1
