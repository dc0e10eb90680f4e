"""What a connector hands over."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """One answer of a source: its name, the file that has its bytes, and its address without secrets."""

    name: str
    path: Path
    fetched_from: str


@dataclass(frozen=True)
class Payload:
    """The parts of one delivery, in order. ``fetched_from`` is the address that a person knows it by."""

    parts: tuple[Part, ...]
    fetched_from: str
