"""Published CSV files, read as the public reads them: text, figures, and gaps."""

import csv
import glob
import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from statloom.disclosure.audit.description import DescriptionError


@dataclass(frozen=True)
class Part:
    """One file as one entry of the description reads it.

    Arrays have one value per row of the file that the entry is about: ``line`` (the header is line 1),
    ``apart`` (a number; ``labels`` has what it adds to the quantity's name, and what keeps tables apart),
    ``codes`` per dimension (texts, as an Arrow dictionary), ``figures`` per column asked for (NaN where there
    is none), ``left_out``, ``revised`` and ``shown`` (a left-out row shows a figure all the same).
    """

    line: np.ndarray
    apart: np.ndarray
    labels: tuple[tuple[str, str], ...]
    codes: dict[str, pa.DictionaryArray | str]
    figures: dict[str, np.ndarray]
    decimals: int
    left_out: np.ndarray
    revised: np.ndarray
    shown: np.ndarray


def paths(folder: Path, pattern: str) -> list[Path]:
    """Return the files of ``folder`` that the pattern means, packed ones (``.gz``) included."""
    found = {*glob.glob(str(folder / pattern), recursive=True)}
    if not pattern.endswith(".gz"):
        found |= {*glob.glob(str(folder / f"{pattern}.gz"), recursive=True)}
    return [Path(name) for name in sorted(found)]


def header(path: Path) -> list[str]:
    """Return the names of the columns of a CSV file."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def text(path: Path, columns: list[str]) -> pa.Table:
    """Return columns of a CSV file as text, nothing turned into a missing value."""
    there = header(path)
    for column in columns:
        if column not in there:
            raise DescriptionError(f"{path}: no column {column}")
    kinds = dict.fromkeys(columns, pa.string())
    try:
        return pa_csv.read_csv(
            path,
            pa_csv.ReadOptions(use_threads=False, block_size=16 << 20),
            pa_csv.ParseOptions(newlines_in_values=True),
            pa_csv.ConvertOptions(column_types=kinds, include_columns=columns, strings_can_be_null=False),
        ).combine_chunks()
    except pa.ArrowInvalid as error:
        raise DescriptionError(f"{path}: {error}") from error


def part(path: Path, entry: dict, description: dict) -> Part:
    """Return the rows of ``path`` that ``entry`` of the description is about."""
    there = set(header(path))
    gap, mark = description["suppressed"], description["revised"]
    figures = [
        entry[name] for name in ("value", "numerator", "denominator") if isinstance(entry.get(name), str)
    ]
    measures = [column for column in entry["empty"] if column in there]
    respondents = entry["respondents"].get("column")
    wanted = [*figures, *entry["apart"], *entry["quantity_columns"], *entry["where"], *measures]
    wanted += [column for column in (respondents, gap.get("column"), mark.get("column")) if column in there]
    dimensions, fixed = {}, dict(entry["fixed"])
    for name, column in entry["columns"].items():
        total = description["dimensions"][name].get("total")
        if column in there:
            dimensions[name] = column
        elif total is not None:
            fixed[name] = total
        else:
            raise DescriptionError(f"{path}: no column {column} for the dimension {name}, which has no total")
    raw = text(path, list(dict.fromkeys([*wanted, *dimensions.values()])))
    line = np.arange(len(raw)) + 2
    keep = np.ones(len(raw), dtype=bool)
    for column, values in entry["where"].items():
        keep &= _among(raw[column], values)
    markers = ["", *gap.get("markers", [])]
    plain = {name: pc.utf8_trim_whitespace(_one(raw[name])) for name in dict.fromkeys([*figures, *measures])}
    left_out = _among(plain[entry["value"]], markers)
    if gap.get("column") in raw.column_names:
        flagged = _among(raw[gap["column"]], gap.get("values", []))
        keep &= ~(left_out & _among(raw[gap["column"]], gap.get("missing", [])))
        left_out |= flagged
    chosen = np.flatnonzero(keep)
    raw, line, left_out = raw.take(chosen), line[chosen], left_out[chosen]
    plain = {name: column.take(pa.array(chosen)) for name, column in plain.items()}
    shown = np.zeros(len(line), dtype=bool)
    for name in measures:
        shown |= left_out & ~_among(plain[name], markers)
    if respondents in raw.column_names:
        few = _numbers(
            _one(raw[respondents]), np.zeros(len(line), dtype=bool), markers, path, respondents, line
        )
        shown |= ~left_out & (few < entry["respondents"]["minimum"])
    revised = np.zeros(len(line), dtype=bool)
    if mark.get("column") in raw.column_names:
        among = "|".join(re.escape(value) for value in mark["values"])
        revised = np.asarray(pc.match_substring_regex(_one(raw[mark["column"]]), f"(^|; ?)({among})($|;)"))
    apart, labels = _apart(raw, entry["quantity_columns"], entry["apart"])
    # What a left-out row shows in spite of it is known to the public, unless the status alone takes it away.
    hidden = left_out if not measures else np.zeros(len(line), dtype=bool)
    return Part(
        line,
        apart,
        labels,
        {
            name: _one(raw[dimensions[name]]).dictionary_encode() if name in dimensions else fixed[name]
            for name in description["dimensions"]
        },
        {name: _numbers(plain[name], hidden, markers, path, name, line) for name in figures},
        _decimals(plain[entry["value"]]) if entry.get("numerator") else 0,
        left_out,
        revised,
        shown,
    )


def sums(folder: Path, release: str, entry: dict) -> list[tuple[str, list[str]]]:
    """Return the sums (code, codes of its parts) of a file of the release, or else of the folder."""
    path = next((p for p in (folder / release / entry["file"], folder / entry["file"]) if p.is_file()), None)
    if path is None:
        raise DescriptionError(f"{folder / entry['file']}: no such file")
    raw = text(path, [entry["sum"], entry["part"]]).to_pydict()
    listed: dict[str, dict[str, None]] = {}
    for whole, piece in zip(raw[entry["sum"]], raw[entry["part"]], strict=True):
        if whole and piece:
            listed.setdefault(whole, {})[piece] = None
    return [(whole, list(parts)) for whole, parts in listed.items()]


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _among(column, values: list[str]) -> np.ndarray:
    if not values:
        return np.zeros(len(column), dtype=bool)
    return np.asarray(pc.is_in(_one(column), value_set=pa.array(values, pa.string())))


def _apart(
    raw: pa.Table, named: list[str], columns: list[str]
) -> tuple[np.ndarray, tuple[tuple[str, str], ...]]:
    if not named and not columns:
        return np.zeros(len(raw), dtype=np.int64), (("", ""),)
    sides = [
        pc.binary_join_element_wise(*(_one(raw[name]) for name in names), " ")
        if names
        else pa.array([""] * len(raw), pa.string())
        for names in (named, columns)
    ]
    coded = pc.binary_join_element_wise(*sides, "\x1f").dictionary_encode()
    labels = tuple(tuple(label.split("\x1f")) for label in coded.dictionary.to_pylist())
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), labels


def _numbers(
    column: pa.Array, hidden: np.ndarray, markers: list[str], path: Path, name: str, line: np.ndarray
) -> np.ndarray:
    """Return the column's figures; NaN where it is empty, has a marker, or is ``hidden``."""
    none = hidden | _among(column, markers)
    kept = pc.if_else(pa.array(~none), column, None)
    try:
        return pc.cast(kept, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        for number, value in enumerate(kept.to_pylist()):
            try:
                float(value or 0)
            except ValueError:
                raise DescriptionError(
                    f"{path}, row {line[number]}, column {name}: {value!r} is neither a figure nor "
                    "a marker of a left-out one"
                ) from None
        return np.array([np.nan if value is None else float(value) for value in kept.to_pylist()])


def _decimals(column: pa.Array) -> int:
    """Return with how many decimals the figures of a column are written."""
    point = pc.find_substring(column, ".")
    behind = pc.if_else(
        pc.greater_equal(point, 0), pc.subtract(pc.subtract(pc.utf8_length(column), point), 1), 0
    )
    return int(pc.max(behind).as_py() or 0)
