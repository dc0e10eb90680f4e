"""Checksums of files, in the form that ``sha256sum -c`` reads."""

import hashlib
from pathlib import Path

from statloom.exports.model import File, Text

NAME = "SHA256SUMS"


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file at ``path``, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(
    folder: Path,
    path: Path,
    media_type: str,
    compression: str | None = None,
    title: Text | None = None,
    conforms_to: str | None = None,
) -> File:
    """Return what the catalogue says of the file at ``path`` inside ``folder``."""
    return File(
        path.relative_to(folder).as_posix(),
        media_type,
        path.stat().st_size,
        sha256(path),
        compression,
        title,
        conforms_to,
    )


def write(folder: Path, known: dict[str, str]) -> str:
    """Write ``SHA256SUMS`` over all other files of ``folder`` and return its own checksum.

    ``known`` maps paths to checksums that need not be computed again.
    """
    paths = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    lines = [f"{known.get(path) or sha256(folder / path)}  {path}\n" for path in paths if path != NAME]
    (folder / NAME).write_text("".join(lines), encoding="utf-8")
    return sha256(folder / NAME)


def problems(folder: Path) -> list[str]:
    """Return what is wrong with ``folder`` against its ``SHA256SUMS``, one sentence each; empty when all is
    well.
    """
    if not (folder / NAME).exists():
        return [f"{NAME} is missing"]
    listed = {}
    for line in (folder / NAME).read_text(encoding="utf-8").splitlines():
        checksum, _, path = line.partition("  ")
        listed[path] = checksum
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {NAME}
    found = [f"{path} is missing" for path in sorted(listed.keys() - there)]
    found += [f"{path} is not listed" for path in sorted(there - listed.keys())]
    return found + [
        f"{path} differs from its checksum"
        for path in sorted(listed.keys() & there)
        if sha256(folder / path) != listed[path]
    ]
