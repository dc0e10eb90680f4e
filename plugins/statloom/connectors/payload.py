"""What a connector hands over."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Part:
    """One answer of a source: its name, the file that has its bytes, and its address without secrets."""

    name: str
    path: Path
    fetched_from: str


def file_name(path: str, source: str) -> str:
    """Return the name under which the file at ``path`` is kept; ``source`` when it has none."""
    name = PurePosixPath(path).name[-150:]
    return source if name in ("", ".", "..") else name


@dataclass(frozen=True)
class Payload:
    """The parts of one delivery, in order. ``fetched_from`` is the address that a person knows it by."""

    parts: tuple[Part, ...]
    fetched_from: str
