"""The folder of releases: a release appears in it whole or not at all.

``<n>/`` is a release, ``.<n>.writing/`` one being written, and ``latest`` a link to the newest.
"""

import os
import re
import shutil
from pathlib import Path


def start(open_data: Path, release_id: int) -> Path:
    """Return the new empty folder in which release ``release_id`` is written."""
    folder = _writing(open_data, release_id)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    return folder


def appear(open_data: Path, release_id: int) -> Path:
    """Give the written folder its name, once every file of it is on the disk; return it."""
    folder, final = _writing(open_data, release_id), open_data / str(release_id)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            path.chmod(0o444)
            _to_disk(path)
    for path in sorted(path for path in folder.rglob("*") if path.is_dir()):
        _to_disk(path)
    _to_disk(folder)
    folder.rename(final)
    _to_disk(open_data)
    return final


def point_latest(open_data: Path, release_id: int) -> None:
    """Let ``latest`` lead to release ``release_id``, at one stroke."""
    latest = open_data / "latest"
    if latest.is_symlink() and os.readlink(latest) == str(release_id):
        return
    link = open_data / ".latest.new"
    link.unlink(missing_ok=True)
    link.symlink_to(str(release_id))
    link.replace(latest)
    _to_disk(open_data)


def numbers(open_data: Path) -> list[int]:
    """Return the numbers of the releases that stand in ``open_data``."""
    return sorted(int(p.name) for p in open_data.glob("*") if p.is_dir() and re.fullmatch(r"[0-9]+", p.name))


def clear_unfinished(open_data: Path) -> None:
    """Remove what was being written when a writer died."""
    for path in open_data.glob(".*.writing"):
        shutil.rmtree(path)


def remove(open_data: Path, release_id: int) -> None:
    """Remove a release that never was shown."""
    folder = open_data / str(release_id)
    if folder.exists():
        # First out of sight, so that no half-removed release stands there.
        gone = _writing(open_data, release_id)
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone)


def _writing(open_data: Path, release_id: int) -> Path:
    return open_data / f".{release_id}.writing"


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
