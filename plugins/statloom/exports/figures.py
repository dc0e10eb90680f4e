"""What portals and workbooks show: preferred figures and today's places, read from a release's own files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from statloom.exports.model import Table, Text

DIMENSIONS = (
    "sex",
    "age",
    "urbanisation",
    "income_wealth_quantile",
    "education_lev",
    "occupation",
    "cust_breakdown",
    "composite_breakdown",
    "disability_status",
    "activity",
    "product",
)
TOTAL = "_T"
COLUMNS = (
    "place_id",
    "place_level",
    "period",
    "time_detail",
    *DIMENSIONS,
    "value",
    "se",
    "cv",
    "ci_low",
    "ci_high",
    "obs_status",
    "quality_band",
    "comment",
    "source_id",
    "geo_method",
    "preferred",
)
_NUMBERS = ("value", "se", "cv", "ci_low", "ci_high")
_KEPT_ROWS = 3_000_000


@dataclass(frozen=True)
class Place:
    """One of today's places. ``depth``: how many places it lies within."""

    place_id: str
    code: str
    name: Text
    level: str
    vintage: str
    parent_id: str | None
    kind: str
    depth: int


class Kept:
    """Preferred figures in memory, by dataset, as long as they are not too many."""

    def __init__(self) -> None:
        self.frames: dict[str, pa.Table] = {}
        self._rows = 0

    def add(self, name: str, frame: pa.Table) -> pa.Table:
        """Keep the preferred figures of ``frame``, the cells of the dataset ``name``, and return them."""
        frame = _preferred(frame)
        if self._rows + len(frame) <= _KEPT_ROWS:
            self.frames[name] = frame
            self._rows += len(frame)
        return frame


class Figures:
    """The preferred figures of a release's datasets.

    ``folder``: the release; ``tables``: its tables, of which those with a dataset and a Parquet file count;
    ``kept``: figures at hand. Others are read from the files: few rows once, many whenever asked for.
    """

    def __init__(self, folder: Path, tables: list[Table], kept: "Kept | None" = None) -> None:
        self.folder = folder
        self.tables = [table for table in tables if table.dataset and table.parquet]
        self._kept = kept or Kept()

    def of(self, table: Table) -> pa.Table:
        """Return the preferred figures of ``table`` (columns ``COLUMNS`` but ``preferred``; those that a
        file lacks are empty, and a dimension that it lacks is ``_T``), in the order of the file.
        """
        if table.name in self._kept.frames:
            return self._kept.frames[table.name]
        frame = pq.ParquetFile(self.folder / table.parquet.path)
        there = [name for name in COLUMNS if name in frame.schema_arrow.names]
        return self._kept.add(table.name, frame.read(there))

    def totals(self, table: Table) -> pa.Table:
        """Return the preferred figures of ``table`` that no breakdown divides."""
        frame = self.of(table)
        for name in DIMENSIONS:
            column = frame[name]
            if pc.any(pc.not_equal(column, TOTAL)).as_py():
                frame = frame.filter(pc.equal(column, TOTAL))
                if not len(frame):
                    break
        return frame

    @cached_property
    def places(self) -> dict[str, Place]:
        """Today's places: of the vintage that preferred figures stand on; wide ones first, then by code."""
        rows = _strings(self.folder / "places.csv").to_pylist()
        level_of = {row["place_id"]: row for row in rows}
        shown = {place_id for table in self.tables for place_id in _distinct(self.of(table)["place_id"])}
        vintages = {level_of[place_id].get("place_vintage") for place_id in shown if place_id in level_of}
        found = [
            Place(
                row["place_id"],
                row.get("place_code") or "",
                Text(row.get("place_name") or row["place_id"], row.get("place_name_ne") or None),
                row.get("place_level") or "",
                row.get("place_vintage") or "",
                row.get("parent_id") or None,
                row.get("place_type") or "",
                _depth(row, level_of),
            )
            for row in rows
            if row.get("place_vintage") in vintages
        ]
        return {place.place_id: place for place in sorted(found, key=lambda p: (p.depth, p.level, _by(p)))}

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """The levels of today's places, the widest first."""
        return tuple(dict.fromkeys(place.level for place in self.places.values()))

    @cached_property
    def nation(self) -> str | None:
        """The place that is part of no other, if there is one and only one."""
        tops = [place.place_id for place in self.places.values() if place.depth == 0]
        return tops[0] if len(tops) == 1 else None


def _preferred(frame: pa.Table) -> pa.Table:
    there = set(frame.column_names)
    if "preferred" in there:
        frame = frame.filter(pc.equal(frame["preferred"], True))
    columns = {}
    for name in COLUMNS[:-1]:
        kind = pa.float64() if name in _NUMBERS else pa.string()
        if name in there:
            columns[name] = frame[name].cast(kind)
        elif name in DIMENSIONS:
            columns[name] = pa.repeat(TOTAL, len(frame))
        else:
            columns[name] = pa.nulls(len(frame), kind)
    return pa.table(columns).combine_chunks()


def _distinct(column: pa.ChunkedArray) -> list[str]:
    return pc.unique(column).to_pylist()


def _strings(path: Path) -> pa.Table:
    with path.open("rb") as file:
        names = file.readline()
    columns = pa_csv.read_csv(pa.BufferReader(names)).column_names
    return pa_csv.read_csv(
        path,
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )


def _depth(row: dict, rows: dict[str, dict]) -> int:
    depth, seen = 0, {row["place_id"]}
    while (parent := row.get("parent_id")) and parent in rows and parent not in seen:
        seen.add(parent)
        row, depth = rows[parent], depth + 1
    return depth


def _by(place: Place) -> tuple:
    return (int(place.code), "") if place.code.isdigit() else (10**9, place.code)
