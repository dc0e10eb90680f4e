"""From the cells of a series to the columns of the SDG data structure.

What is the same for a whole series is a constant; the rest is SQL for DuckDB over the cells, which are gone
over once, and nothing is joined.
"""

# ruff: noqa: S608  the statements are made of constants of this package and of escaped texts

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from statloom.exports.model import About, Dataset
from statloom.exports.periods import FREQUENCY
from statloom.exports.sdmx.layout import BREAKDOWNS, identifier

# What a figure was adjusted by, from the least to the most: the first is taken where several have one key.
_METHODS = ("observed", "exact_merge", "apportioned")
_ROWS_AT_ONCE = 500_000
_LARGEST_CODE = 2**40


@dataclass
class Used:
    """The codes that figures have, by concept: what the code lists must hold."""

    codes: dict[str, set[str]] = field(default_factory=dict)

    def add(self, concept: str, codes: Iterable[str]) -> None:
        """Note that ``codes`` of ``concept`` are used."""
        self.codes.setdefault(concept, set()).update(codes)


@dataclass(frozen=True)
class Value:
    """What a component has: a ``constant`` for the series, or ``sql`` for each cell, which may be null.

    ``texts``: of free text, what there is (without the errors that a comment begins with).
    """

    sql: str = "null"
    constant: str | None = None
    nullable: bool = False
    texts: tuple[str, ...] = ()


def text(value: str | None) -> str:
    """Return ``value`` as a text constant of SQL."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def number(column: str) -> str:
    """Return SQL for the shortest text that reads back as the same number; whole numbers have no point."""
    return (
        f"case when {column} = trunc({column}) and abs({column}) < 1e15 "
        f"then cast({column}::bigint as varchar) else cast({column} as varchar) end"
    )


class Figures:
    """Cells of series, turned into lines of SDMX files.

    ``about`` and each dataset's metadata give what is not in the cells. ``used`` has, after the figures were
    written, the codes that the structure must list.
    """

    def __init__(self, about: About) -> None:
        self.about = about
        self.used = Used()
        self.connection = duckdb.connect()
        # No progress bar, and rows in the order in which they came.
        self.connection.execute("set enable_progress_bar = false; set preserve_insertion_order = true")
        self._areas = {
            category.code: category.sdmx_code
            for category in self._listed("place")
            if category.sdmx is not None
        }

    def _listed(self, kind: str) -> tuple:
        terms = self.about.metadata.terms.get(kind)
        return terms.categories if terms else ()

    def one_a_key(self, cells: pa.Table) -> pa.Table:
        """Return the cells that SDMX files have: one for each place, period and breakdown of the series.

        The preferred one; where none is, the one that was adjusted least, from the level nearest to the
        place, or the first of several.
        """
        preferred = _numbers(pc.fill_null(cells["preferred"], False))
        if preferred.all():
            return cells
        code = np.zeros(len(cells), np.int64)
        for column in ("place_id", "period", *(part.column for part in BREAKDOWNS)):
            indices, distinct = _encoded(cells[column])
            if distinct > 1:
                code = code * distinct + indices
                if code.max() > _LARGEST_CODE:
                    code = np.unique(code, return_inverse=True)[1]
        method = pc.fill_null(pc.index_in(cells["geo_method"], pa.array(_METHODS)), len(_METHODS))
        elsewhere = pc.fill_null(pc.not_equal(cells["source_level"], cells["place_level"]), True)
        order = np.lexsort((_numbers(elsewhere), _numbers(method), ~preferred, code))
        first = np.ones(len(cells), bool)
        first[1:] = code[order][1:] != code[order][:-1]
        return cells if first.all() else cells.take(pa.array(np.sort(order[first])))

    def values(self, cells: pa.Table, dataset: Dataset) -> dict[str, Value]:
        """Return the components that ``cells``, all of one series, have values of."""
        said = self.about.metadata
        synthetic = "Synthetic: made by a generator, not collected from anyone." if dataset.synthetic else ""
        units = {c.code: c.sdmx_code for c in said.units.categories if c.sdmx}
        found = {
            "FREQ": self._frequency(cells),
            "REPORTING_TYPE": self._constant("REPORTING_TYPE", "N"),
            "SERIES": self._coded("SERIES", "series_code", cells, {}),
            "REF_AREA": self._coded("REF_AREA", "place_id", cells, self._areas),
            "TIME_PERIOD": _column(cells, "period"),
            "OBS_VALUE": _number(cells, "value"),
            "OBS_STATUS": self._coded("OBS_STATUS", "obs_status", cells, {}),
            "UNIT_MULT": self._constant("UNIT_MULT", str(dataset.unit_multiplier)),
            "UNIT_MEASURE": self._coded("UNIT_MEASURE", "unit", cells, units),
            # Figures of the country, also where it shared them out: OBS_STATUS says so.
            "NATURE": self._constant("NATURE", "C"),
            "TIME_DETAIL": _column(cells, "time_detail", free=True),
            "COMMENT_OBS": _comment(cells),
            "TIME_COVERAGE": _coverage(cells),
            "UPPER_BOUND": _number(cells, "ci_high"),
            "LOWER_BOUND": _number(cells, "ci_low"),
            "SOURCE_DETAIL": _chosen(
                cells, "source_id", {s.source_id: f"{s.title}. {s.custodian}" for s in dataset.sources}
            ),
            "COMMENT_TS": _text(" ".join(filter(None, (synthetic, dataset.approximation)))),
            "CUST_BREAKDOWN_LB": _chosen(
                cells,
                "cust_breakdown",
                {
                    code: said.label("cust_breakdown", code)
                    for code in _distinct(cells["cust_breakdown"])
                    if code not in (None, "_T")
                },
            ),
            "DATA_LAST_UPDATE": Value(constant=self.about.issued.isoformat()),
        }
        for part in BREAKDOWNS:
            listed = said.dimensions.get(part.column)
            known = {c.code: c.sdmx_code for c in listed.categories if c.sdmx} if listed else {}
            found[part.concept] = self._coded(part.concept, part.column, cells, known)
        return {concept: value for concept, value in found.items() if value is not None}

    def _frequency(self, cells: pa.Table) -> Value:
        letters = sorted({_frequency(period or "") for period in _distinct(cells["period"])})
        self.used.add("FREQ", letters)
        return Value(constant=letters[0]) if len(letters) == 1 else Value(FREQUENCY)

    def _constant(self, concept: str, code: str) -> Value:
        self.used.add(concept, (code,))
        return Value(constant=code)

    def _coded(self, concept: str, column: str, cells: pa.Table, known: dict[str, str]) -> Value | None:
        """Return the codes of ``column``; a missing one is the total of a dimension."""
        total = "_T" if any(part.column == column for part in BREAKDOWNS) else None
        values = _distinct(cells[column])
        codes = {value: known.get(value) or identifier(value) for value in values if value is not None}
        self.used.add(concept, codes if concept == "REF_AREA" else codes.values())
        if None in values and total:
            self.used.add(concept, (total,))
        if len(values) == 1:
            only = codes.get(values[0], total)
            return None if only is None else Value(constant=only)
        area = concept == "REF_AREA"
        plain = f"replace({column}, ':', '_')" if area else column
        odd = {
            value: code
            for value, code in sorted(codes.items())
            if code != (value.replace(":", "_") if area else value)
        }
        cases = "".join(f" when {text(value)} then {text(code)}" for value, code in odd.items())
        sql = f"case {column}{cases} else {plain} end" if odd else plain
        missing = None in values
        return Value(f"coalesce({sql}, {text(total)})" if missing and total else sql, nullable=missing)

    def lines(self, cells: pa.Table, lines: list[str]) -> Iterator[tuple[memoryview, ...]]:
        """Return, part by part, the texts that each SQL of ``lines`` makes of ``cells``, as bytes."""
        selected = ", ".join(f"{line} as line_{position}" for position, line in enumerate(lines))
        for start in range(0, len(cells), _ROWS_AT_ONCE):
            part = cells.slice(start, _ROWS_AT_ONCE)  # noqa: F841 (DuckDB reads it)
            made = self.connection.sql(f"select {selected} from part").to_arrow_table()
            for batch in made.to_batches():
                yield tuple(map(_bytes, batch.columns))


def _bytes(texts: pa.Array) -> memoryview:
    """Return the bytes of all texts: in Arrow's memory they lie side by side, nothing is looped over."""
    large = texts.cast(pa.large_string())
    _, offsets, data = large.buffers()
    edges = memoryview(offsets).cast("q")
    return memoryview(data)[edges[large.offset] : edges[large.offset + len(large)]]


def _distinct(column: pa.ChunkedArray) -> list:
    return pc.unique(column).to_pylist()


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column)


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, int]:
    """Return the numbers that stand for the values of ``column``, and how many values there are."""
    encoded = column.combine_chunks().dictionary_encode("encode")
    return np.asarray(encoded.indices).astype(np.int64), len(encoded.dictionary)


def _frequency(period: str) -> str:
    for letter in "QSW":
        if f"-{letter}" in period:
            return letter
    return {4: "A", 7: "M"}.get(len(period), "D")


def _text(said: str) -> Value | None:
    return Value(constant=said, texts=(said,)) if said else None


def _column(cells: pa.Table, column: str, *, free: bool = False) -> Value | None:
    values = _distinct(cells[column])
    texts = tuple(value for value in values if value is not None) if free else ()
    if len(values) == 1:
        return None if values[0] is None else Value(constant=values[0], texts=texts)
    return Value(column, nullable=None in values, texts=texts)


def _number(cells: pa.Table, column: str) -> Value | None:
    missing = cells[column].null_count
    return None if missing == len(cells) else Value(number(column), nullable=missing > 0)


def _coverage(cells: pa.Table) -> Value | None:
    """From the first to the last day: of a fiscal year, what TIME_PERIOD cannot say."""
    days = cells.select(["period_start", "period_end"]).group_by(["period_start", "period_end"]).aggregate([])
    if len(days) == 1:
        first, last = (days[name][0].as_py() for name in ("period_start", "period_end"))
        return Value(constant=f"{first}/{last}") if first and last else None
    missing = cells["period_start"].null_count + cells["period_end"].null_count > 0
    return Value("cast(period_start as varchar) || '/' || cast(period_end as varchar)", nullable=missing)


def _chosen(cells: pa.Table, column: str, texts: dict[str, str]) -> Value | None:
    """Return the text that belongs to the value of ``column``."""
    values = _distinct(cells[column])
    said = [texts.get(value) for value in values]
    there = tuple(text for text in said if text)
    if len(set(said)) == 1:
        return Value(constant=said[0], texts=there) if said[0] else None
    cases = "".join(f" when {text(value)} then {text(words)}" for value, words in sorted(texts.items()))
    return Value(f"case {column}{cases} end", nullable=len(there) < len(said), texts=there)


def _comment(cells: pa.Table) -> Value | None:
    """The error of an estimate, which the structure has no place of its own for, and the comment."""
    errors = [
        f"case when {column} {'<> 0' if column == 'geo_se' else 'is not null'} "
        f"then '{name} ' || {number(column)} end"
        for name, column in (("SE", "se"), ("CV", "cv"), ("n", "n"), ("DEFF", "deff"), ("GEO_SE", "geo_se"))
        if pc.any(pc.not_equal(cells[column], 0)).as_py() or (column != "geo_se" and _some(cells[column]))
    ]
    comment = _column(cells, "comment", free=True)
    if not errors:
        return comment
    listed = f"nullif(concat_ws('; ', {', '.join(errors)}), '')"
    return Value(
        f"nullif(concat_ws('. ', {listed}, comment), '')",
        nullable=True,
        texts=comment.texts if comment else (),
    )


def _some(column: pa.ChunkedArray) -> bool:
    return column.null_count < len(column)
