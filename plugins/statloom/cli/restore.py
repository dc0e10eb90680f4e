"""``statloom restore``: brings the database back to a moment."""

import argparse
from datetime import datetime
from pathlib import Path

from statloom import backup
from statloom import settings as settings_module
from statloom.errors import StatloomError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``statloom restore``."""
    parser.description = (
        "Bring the embedded database back from a backup and the log after it. Nothing may run "
        "('statloom down'). The former database is kept beside the new one."
    )
    parser.add_argument(
        "--at", metavar="TIME", help="the moment, such as 2026-11-22T10:00:00Z (the latest there is)"
    )
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="the backup folder")
    parser.epilog = "example: statloom restore --at 2026-11-22T10:00:00Z"


def execute(arguments: argparse.Namespace) -> int:
    """Restore; say from what, to when, and where the former database is."""
    try:
        at = datetime.fromisoformat(arguments.at) if arguments.at else None
    except ValueError:
        raise StatloomError(f"--at {arguments.at} is no time such as 2026-11-22T10:00:00Z") from None
    done = backup.restore(settings_module.load(), at=at, source=arguments.source)
    print(f"restored from  {done.backup.path}")
    if done.recovered_to is not None:
        print(f"last change    {done.recovered_to:%Y-%m-%dT%H:%M:%S%z}")
    if done.former is not None:
        print(f"former one in  {done.former} (delete it when it is no longer needed)")
    return 0
