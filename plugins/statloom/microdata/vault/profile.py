"""The profile of a delivery of microdata, made while it is read: what each column holds, and what is wrong.

It goes into the warehouse, so it has no value of a personal identifier, and of other columns no more than the
lowest and the highest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts.conditions import quoted
from statloom.contracts.model import Column, Contract
from statloom.microdata.vault.linking import Faults
from statloom.microdata.vault.reading import Stored
from statloom.microdata.vault.writing import ROW_NUMBER

# So many different values are kept in memory to count them; of more, the vault is asked at the end.
_MOST_VALUES = 20_000
# Texts of these roles are codes, and say nothing of a person; of other texts no value is kept.
_CODED = ("place_code", "place_level", "dimension", "stratum", "psu", "period")


@dataclass(frozen=True)
class Allowed:
    """The values of a column that are right: ``values`` (texts or numbers), and ``ranges`` of numbers."""

    values: tuple
    ranges: tuple[tuple[float, float], ...] = ()


@dataclass
class Fault:
    """How many values are wrong, and the row in the file of the first."""

    rows: int = 0
    first_row: int | None = None

    def add(self, rows: int, first_row: int | None) -> None:
        """Add faults of further rows."""
        self.rows += rows
        if self.first_row is None and rows:
            self.first_row = first_row


@dataclass
class ColumnProfile:
    """One column. ``minimum``, ``maximum``: as text; None for texts that are no codes, and for personal
    identifiers, of which only a pseudonym is in the vault or nothing."""

    record: str
    column: str
    position: int
    role: str
    type: str
    rows: int = 0
    missing: Fault = field(default_factory=Fault)
    distinct: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    out_of_code_list: Fault = field(default_factory=Fault)
    out_of_range: Fault = field(default_factory=Fault)
    unreadable: Fault = field(default_factory=Fault)


@dataclass
class RecordProfile:
    """One record. ``orphans``: rows without a row of the parent; ``childless``: record below → rows without
    any of it."""

    record: str
    parent: str | None
    file: str | None = None
    rows: int = 0
    unreadable: Fault = field(default_factory=Fault)
    duplicate_keys: Fault = field(default_factory=Fault)
    orphans: Fault = field(default_factory=Fault)
    childless: dict[str, Fault] = field(default_factory=dict)


@dataclass
class Profile:
    """The profile of one delivery."""

    records: list[RecordProfile]
    columns: list[ColumnProfile]


class Profiler:
    """Makes the profile of ``contract``'s delivery from its rows, batch by batch."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._records = {
            name: RecordProfile(name, record.parent) for name, record in contract.records.items()
        }
        self._columns: dict[str, dict[str, ColumnProfile]] = {}
        self._values: dict[tuple[str, str], pa.Array | None] = {}
        for name in contract.records:
            own = [c for c in contract.own(name).values() if c.role != "ignored"]
            self._columns[name] = {
                column.name: ColumnProfile(name, column.name, position, column.role, column.vault_type)
                for position, column in enumerate(own, start=1)
            }

    def add(self, record: str, table: pa.Table, allowed: Mapping[str, Allowed], file: str) -> None:
        """Take in rows of ``record``: columns as they go into the vault, and ``_row_number``."""
        about = self._records[record]
        about.file = about.file or file
        about.rows += table.num_rows
        rows = table.column(ROW_NUMBER)
        for name, profile in self._columns[record].items():
            profile.rows += table.num_rows
            if name in table.column_names and table.num_rows:
                self._add_column(profile, table.column(name), rows, allowed.get(name))

    def unreadable(self, record: str, column: str | None, row: int) -> None:
        """Take in a row that could not be read, and the column that is to blame."""
        self._records[record].unreadable.add(1, row)
        if column in self._columns[record]:
            self._columns[record][column].unreadable.add(1, row)

    def _add_column(
        self, profile: ColumnProfile, values: pa.ChunkedArray, rows: pa.ChunkedArray, allowed: Allowed | None
    ) -> None:
        declared = self._contract.columns[profile.column]
        if values.null_count:
            profile.missing.add(values.null_count, _first(pc.is_null(values), rows))
        found = self._distinct(profile, values)
        if not declared.kept:
            return
        if declared.type in ("integer", "number", "date"):
            self._add_numbers(profile, declared, values, rows)
        elif declared.role in _CODED and found is not None:
            _widen(profile, _limits(found))
        if allowed is not None:
            _judge(profile, values, rows, allowed, found)

    def _distinct(self, profile: ColumnProfile, values: pa.ChunkedArray) -> pa.Array | None:
        """Return the different values of these rows; None when they have become too many to keep."""
        key = (profile.record, profile.column)
        known = self._values.get(key, pa.array([], values.type))
        if known is None:
            return None
        found = pc.unique(values).drop_null()
        together = pc.unique(pa.concat_arrays([known, found])) if len(known) else found
        self._values[key] = together if len(together) <= _MOST_VALUES else None
        return found

    def _add_numbers(self, profile, declared: Column, values, rows) -> None:
        limits = pc.min_max(values).as_py()
        low, high = limits["min"], limits["max"]
        if low is None:
            return
        _widen(profile, (low, high))
        outside = None
        if declared.minimum is not None and low < declared.minimum:
            outside = pc.less(values, declared.minimum)
        if declared.maximum is not None and high > declared.maximum:
            above = pc.greater(values, declared.maximum)
            outside = above if outside is None else pc.or_(outside, above)
        if outside is not None:
            outside = pc.fill_null(outside, False)
            profile.out_of_range.add(pc.sum(outside).as_py(), _first(outside, rows))

    def finish(self, stored: Stored, faults: Mapping[str, Faults]) -> Profile:
        """Return the profile. ``stored``: the rows, as in the vault; ``faults``: of keys and links."""
        for name, about in self._records.items():
            found = faults[name]
            about.duplicate_keys = Fault(found.duplicate_keys, found.first_duplicate)
            about.orphans = Fault(found.orphans, found.first_orphan)
            about.childless = {
                child: Fault(rows, found.first_childless[child]) for child, rows in found.childless.items()
            }
            self._count_distinct(stored, name)
        columns = [profile for of_record in self._columns.values() for profile in of_record.values()]
        for profile in columns:
            profile.minimum, profile.maximum = _text(profile.minimum), _text(profile.maximum)
        return Profile(list(self._records.values()), columns)

    def _count_distinct(self, stored: Stored, record: str) -> None:
        many = []
        for name, profile in self._columns[record].items():
            known = self._values.get((record, name), ())
            if known is None:
                many.append(name)
            elif self._contract.columns[name].in_vault:
                profile.distinct = len(known)
        if not many:
            return
        counts = ", ".join(f"count(distinct {quoted(name)})" for name in many)
        with stored.connect() as database:
            row = database.execute(f"select {counts} from ({stored.select(record, many)})").fetchone()  # noqa: S608
        for name, count in zip(many, row, strict=True):
            self._columns[record][name].distinct = count


def _first(wrong: pa.ChunkedArray, rows: pa.ChunkedArray) -> int | None:
    place = pc.index(wrong, True).as_py()
    return None if place < 0 else rows[place].as_py()


def _widen(profile: ColumnProfile, limits: tuple) -> None:
    low, high = limits
    if low is None:
        return
    profile.minimum = low if profile.minimum is None else min(profile.minimum, low)
    profile.maximum = high if profile.maximum is None else max(profile.maximum, high)


def _limits(values: pa.Array) -> tuple:
    limits = pc.min_max(values).as_py()
    return limits["min"], limits["max"]


def _text(value) -> str | None:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value is None else str(value)


def _judge(profile: ColumnProfile, values, rows, allowed: Allowed, found: pa.Array | None) -> None:
    """Count the values that are in no code list. ``found``: their different values."""
    different = found if found is not None else pc.unique(values).drop_null()
    right = pc.is_in(different, pa.array(allowed.values, different.type))
    if allowed.ranges:
        numbers = different
        if pa.types.is_string(numbers.type):
            is_number = pc.match_substring_regex(numbers, r"^-?[0-9]+(\.[0-9]+)?$")
            numbers = pc.if_else(is_number, numbers, pa.scalar(None, pa.string())).cast(pa.float64())
        for low, high in allowed.ranges:
            inside = pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))
            right = pc.or_(right, pc.fill_null(inside, False))
    wrong = different.filter(pc.invert(right))
    if len(wrong):
        outside = pc.is_in(values, wrong)
        profile.out_of_code_list.add(pc.sum(outside).as_py(), _first(outside, rows))
