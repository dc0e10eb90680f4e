"""All rows of all releases as numbers: which cell, which quantity, which figure.

A cell and its quantity have a key of 64 bits: the sum, modulo 2^64, of the codes of its dimensions times a
random odd factor for each. So the key of a neighbour in one dimension is had by an addition, in tables of any
number of dimensions; that two of ten million cells share a key has a chance of one in 300,000.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from statloom.disclosure.audit import read
from statloom.disclosure.audit.description import DescriptionError

CELL, NUMERATOR, DENOMINATOR, REST, IMPLIED = range(5)
_ROLES = {NUMERATOR: "numerator", DENOMINATOR: "denominator", REST: "rest"}
_PRIMES = np.random.default_rng(20).integers(1 << 32, 1 << 63, 64, dtype=np.uint64) | np.uint64(1)
_OF_QUANTITIES = _PRIMES[-1]
OF_SUMS = _PRIMES[-2]


@dataclass(frozen=True)
class Quantity:
    """What is counted: ``name`` (``base`` without further columns) and what keeps it apart, its part in a
    share, and what is asked of it."""

    name: str
    base: str
    apart: str
    role: int
    threshold: float
    width: float
    integers: bool | str
    least: float
    additive: bool
    small: str
    group: bool
    means: str

    @property
    def label(self) -> str:
        """Name, part of a share, and what keeps it apart."""
        said = f" ({_ROLES[self.role]})" if self.role in _ROLES else ""
        return f"{self.name}{said}|{self.apart}"


class Book:
    """Numbers for the codes of each dimension, and for quantities."""

    def __init__(self, dimensions: list[str]) -> None:
        self.dimensions = dimensions
        self.codes: list[dict[str, int]] = [{} for _ in dimensions]
        self.quantities: list[Quantity] = []
        self._numbers: dict[Quantity, int] = {}

    def numbers(self, dimension: int, codes: pa.DictionaryArray | str, count: int) -> np.ndarray:
        """Return the numbers of a column's codes."""
        known = self.codes[dimension]
        if isinstance(codes, str):
            return np.full(count, known.setdefault(codes, len(known)), dtype=np.int32)
        listed = [known.setdefault(code, len(known)) for code in codes.dictionary.to_pylist()]
        indices = codes.indices.to_numpy(zero_copy_only=False)
        return np.array(listed, dtype=np.int32)[indices] if listed else np.zeros(count, np.int32)

    def number(self, dimension: int, code: str) -> int:
        """Return the number of one code."""
        known = self.codes[dimension]
        return known.setdefault(code, len(known))

    def quantity(self, quantity: Quantity) -> int:
        """Return the number of a quantity."""
        if quantity not in self._numbers:
            self._numbers[quantity] = len(self.quantities)
            self.quantities.append(quantity)
        return self._numbers[quantity]

    def names(self, dimension: int) -> np.ndarray:
        """Return the codes of a dimension by number."""
        return np.array(list(self.codes[dimension]), dtype=object)


def keys(codes: np.ndarray, quantity: np.ndarray) -> np.ndarray:
    """Return the keys of cells: ``codes`` has one row per cell and one column per dimension."""
    key = quantity.astype(np.uint64) * _OF_QUANTITIES
    for dimension in range(codes.shape[1]):
        key += codes[:, dimension].astype(np.uint64) * _PRIMES[dimension]
    return key


def factor(dimension: int) -> np.uint64:
    """Return what a step of one code in ``dimension`` adds to a key."""
    return _PRIMES[dimension]


@dataclass
class Block:
    """Rows of one file as numbers, for one part of its figures; arrays are over the rows. ``gap``: there is
    no figure; ``implied``: although the row is not left out.
    """

    codes: np.ndarray
    quantity: np.ndarray
    figure: np.ndarray
    half: float
    gap: np.ndarray
    implied: np.ndarray
    revised: np.ndarray
    line: np.ndarray
    row: np.ndarray


@dataclass
class File:
    """What one entry of the description reads in one file: its blocks, and what is told outright.

    ``ratios``: of rows whose counts are not shown, the share's limits: ``row``, ``at_least``, ``at_most``.
    ``path`` is that of the newest release that has the file.
    """

    path: str
    blocks: list[Block]
    told: pd.DataFrame
    ratios: pd.DataFrame
    published: int
    left_out: int
    labels: frozenset[int] = frozenset()


@dataclass
class Listing:
    """All releases: ``book``, and for each release the files that it has, by entry and path."""

    folder: Path
    description: dict
    book: Book = field(init=False)
    releases: list[dict[tuple, File]] = field(init=False)

    def __post_init__(self) -> None:
        self.book = Book(list(self.description["dimensions"]))
        self._known: dict[tuple, File] = {}
        self._digests: dict[tuple, str] = {}
        self._rows = 0
        self.releases = [dict(self._files(release)) for release in self.description["releases"]]
        for kind in ("tables", "shares"):
            for number, entry in enumerate(self.description[kind]):
                if not any((kind, number) == key[:2] for files in self.releases for key in files):
                    raise DescriptionError(f"{self.folder / entry['file']}: no such file")

    def _files(self, release: str) -> Iterator[tuple[tuple, File]]:
        for kind in ("tables", "shares"):
            for number, entry in enumerate(self.description[kind]):
                for path in read.paths(self.folder / release, entry["file"]):
                    place = path.relative_to(self.folder / release).as_posix()
                    digest = self._digest(path)
                    known = self._known.get((kind, number, digest))
                    if known is None:
                        known = self._read(kind, entry, path)
                        self._known[kind, number, digest] = known
                    known.path = str(path)
                    yield (kind, number, place), known

    def _digest(self, path: Path) -> str:
        said = path.stat()
        key = (said.st_dev, said.st_ino, said.st_size, said.st_mtime_ns)
        if key not in self._digests:
            with path.open("rb") as file:
                self._digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[key]

    def _read(self, kind: str, entry: dict, path: Path) -> File:
        part = read.part(path, entry, self.description)
        count = len(part.line)
        codes = np.empty((count, len(self.book.dimensions)), dtype=np.int32)
        for number, name in enumerate(self.book.dimensions):
            codes[:, number] = self.book.numbers(number, part.codes[name], count)
        row = np.arange(self._rows, self._rows + count)
        self._rows += count
        if kind == "shares":
            return self._limits(entry, path, part, codes, row)
        value = part.figures[entry["value"]]
        blocks, ratios = [], pd.DataFrame(columns=["row", "at_least", "at_most"])
        if "numerator" in entry and np.isfinite(part.figures[entry["numerator"]]).any():
            blocks, ratios = self._counts(entry, part, codes, row)
        else:
            figure = value.copy()
            means = entry.get("value_is", "")
            blocks.append(self._block(entry, part, CELL, entry["quantity"], figure, codes, row, means))
        told = [self._told(part, codes, part.shown, "shown", np.nan, np.nan, entry["quantity"])]
        for block in blocks:
            told.append(self._small(entry, part, block))
        left_out = int(part.left_out.sum())
        labels = frozenset(int(number) for block in blocks for number in np.unique(block.quantity))
        return File(
            str(path), blocks, pd.concat(told, ignore_index=True), ratios, count - left_out, left_out, labels
        )

    def _quantity(self, entry: dict, name: str, role: int, apart: str, means: str = "") -> int:
        published = entry["zeros"] == "published"
        least = 0.0
        if published and entry["integers"] and role == CELL:
            least = 1.0
        return self.book.quantity(
            Quantity(
                name,
                entry["quantity"],
                apart,
                role,
                float(entry["threshold"]),
                float(entry["minimum_width"]),
                entry["integers"],
                least,
                role != CELL or bool(entry.get("additive", True)),
                entry["small"],
                bool(entry.get("group", False)),
                means,
            )
        )

    def _block(self, entry, part, role, name, figure, codes, row, means="") -> Block:
        quantities = np.array(
            [
                self._quantity(entry, f"{name} {more}".rstrip(), role, label, means)
                for more, label in part.labels
            ]
        )
        quantity = quantities[part.apart] if len(quantities) else np.zeros(0, dtype=np.int64)
        half = entry["within"] if "within" in entry else entry.get("rounded_to", 0.0) / 2
        gap = np.isnan(figure)
        implied = gap & ~part.left_out
        return Block(codes, quantity, figure, float(half), gap, implied, part.revised, part.line, row)

    def _counts(self, entry, part, codes, row) -> tuple[list[Block], pd.DataFrame]:
        """Return numerators, denominators and rests, and the limits of shares without counts."""
        numerator, denominator = (part.figures[entry[name]] for name in ("numerator", "denominator"))
        value = part.figures[entry["value"]]
        rest = denominator - numerator
        # A mean or a ratio of other things is no part of its denominator.
        whole = entry.get("whole", True) and not (rest < -1e-9).any()
        blocks = []
        for role, figure in ((NUMERATOR, numerator), (DENOMINATOR, denominator), (REST, rest)):
            if role == REST and not whole:
                continue
            means = entry.get(f"{_ROLES[role]}_is", "") if role != REST else ""
            blocks.append(self._block(entry, part, role, entry["quantity"], figure, codes, row, means))
        half = 0.5 * 10.0**-part.decimals
        lonely = np.isfinite(value) & np.isnan(numerator) & np.isnan(denominator) & bool(entry["per"])
        ratios = pd.DataFrame(
            {
                "row": row[lonely],
                "at_least": np.maximum(value[lonely] - half, 0.0) / entry["per"],
                "at_most": (value[lonely] + half) / entry["per"],
            }
        )
        return blocks, ratios

    def _limits(self, entry, path, part, codes, row) -> File:
        """Return the limits that a table of shares sets to counts that stand in other tables."""
        figure = part.figures[entry["value"]]
        there = np.isfinite(figure)
        half = entry["rounded_to"] / 2
        limits = pd.DataFrame(
            {
                "row": row[there],
                "at_least": np.maximum(figure[there] - half, 0.0) / entry["per"],
                "at_most": (figure[there] + half) / entry["per"],
            }
        )
        labels = np.array([label for _, label in part.labels], dtype=object)[part.apart[there]]
        for side in ("numerator", "denominator"):
            fixed = entry[side].get("fixed", {})
            other = codes[there].copy()
            for name, code in fixed.items():
                number = self.book.dimensions.index(name)
                other[:, number] = self.book.number(number, code)
            limits[f"{side} codes"] = list(other)
            limits[f"{side} label"] = [f"{entry[side]['quantity']}|{label}" for label in labels]
        return File(str(path), [], pd.DataFrame(), limits, 0, 0)

    def _told(self, part, codes, chosen, verdict, lower, upper, name) -> pd.DataFrame:
        """Return rows of which the file says outright what it should not."""
        found = np.flatnonzero(chosen)
        labels = np.array(
            [f"{name} {more}".rstrip() + f"|{label}" for more, label in part.labels], dtype=object
        )
        columns = {"group": labels[part.apart[found]] if len(found) else []}
        for number, dimension in enumerate(self.book.dimensions):
            columns[dimension] = self.book.names(number)[codes[found, number]] if len(found) else []
        lower, upper = (np.broadcast_to(end, len(codes))[found] for end in (lower, upper))
        return pd.DataFrame(
            columns | {"line": part.line[found], "verdict": verdict, "lower": lower, "upper": upper}
        )

    def _small(self, entry: dict, part, block: Block) -> pd.DataFrame:
        """Return published figures that a rule keeps back: from 1 to the threshold."""
        if not len(block.quantity):
            return pd.DataFrame()
        quantity = self.book.quantities[int(block.quantity[0])]
        if quantity.small == "allowed" or not quantity.threshold or not quantity.additive:
            return pd.DataFrame()
        if quantity.integers == "checked" and (np.abs(block.figure % 1) > 1e-9).any():
            return pd.DataFrame()  # no counts: a threshold is for these
        small = (block.figure > 0) & (block.figure <= quantity.threshold) & ~part.shown
        name = entry["quantity"] + (f" ({_ROLES[quantity.role]})" if quantity.role in _ROLES else "")
        return self._told(part, block.codes, small, "shown", block.figure, block.figure, name)
