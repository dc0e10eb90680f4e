"""The folder of releases: a release appears in it whole or not at all.

``<n>/`` is a release, ``.<n>.writing/`` one being written, and ``latest`` a link to the newest. Beside the
folder, in one of its own that only the pipeline may read, stand releases that are under embargo.
"""

import os
import re
import shutil
from pathlib import Path


def start(open_data: Path, release_id: int) -> Path:
    """Return the new empty folder in which release ``release_id`` is written, readable to its owner alone."""
    folder = _writing(open_data, release_id)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    (folder / "data").mkdir()
    return folder


def written(open_data: Path, release_id: int) -> Path:
    """Return the folder in which release ``release_id`` is being written."""
    return _writing(open_data, release_id)


def embargoed(open_data: Path) -> Path:
    """Return the folder of what is under embargo; it is made with rights for its owner alone."""
    folder = open_data.with_name(f"{open_data.name}_under_embargo")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def standing(open_data: Path, release_id: int) -> Path:
    """Return the folder in which release ``release_id`` stands, public or not."""
    hidden = open_data.with_name(f"{open_data.name}_under_embargo") / str(release_id)
    return hidden if hidden.is_dir() else open_data / str(release_id)


def reveal(open_data: Path, release_id: int) -> Path:
    """Move a release that is under embargo to where the public finds it; return its folder."""
    final = open_data / str(release_id)
    hidden = standing(open_data, release_id)
    if hidden != final:
        hidden.rename(final)
        _to_disk(hidden.parent)
        _to_disk(open_data)
    return final


def appear(open_data: Path, release_id: int, *, public: bool = True) -> Path:
    """Give the written folder its name, once every file of it is on the disk; return it."""
    folder = _writing(open_data, release_id)
    final = (open_data if public else embargoed(open_data)) / str(release_id)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            path.chmod(0o444)
            _to_disk(path)
    for path in sorted(path for path in folder.rglob("*") if path.is_dir()):
        _to_disk(path)
    _to_disk(folder)
    folder.rename(final)
    final.chmod(0o755)
    _to_disk(final.parent)
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


def point_nowhere(open_data: Path) -> None:
    """Take the link ``latest`` away: no release is in force."""
    (open_data / "latest").unlink(missing_ok=True)
    _to_disk(open_data)


def numbers(open_data: Path) -> list[int]:
    """Return the numbers of the releases that stand in ``open_data``, and of those under embargo."""
    found = [*open_data.glob("*"), *open_data.with_name(f"{open_data.name}_under_embargo").glob("*")]
    return sorted(int(p.name) for p in found if p.is_dir() and re.fullmatch(r"[0-9]+", p.name))


def clear_unfinished(open_data: Path) -> None:
    """Remove what was being written when a writer died."""
    for path in open_data.glob(".*.writing"):
        shutil.rmtree(path)


def remove(open_data: Path, release_id: int) -> None:
    """Remove a release that never was shown."""
    folder = standing(open_data, release_id)
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
