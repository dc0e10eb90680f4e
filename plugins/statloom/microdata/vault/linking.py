"""Numbers for the rows of every record, and which row of the parent each belongs to, by their keys.

Keys stay in memory: they may have personal identifiers, which are written nowhere.
"""

# ruff: noqa: S608  (names are quoted by statloom.contracts.conditions)
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from statloom.contracts.conditions import quoted
from statloom.contracts.model import Contract

_NUMBER, _ROW = "_number", "_row"


@dataclass
class Faults:
    """Of one record: rows beyond the first of their key, rows without a parent, rows without a required
    child; for each the row in the file of the first."""

    duplicate_keys: int = 0
    first_duplicate: int | None = None
    orphans: int = 0
    first_orphan: int | None = None
    childless: dict[str, int] = field(default_factory=dict)
    first_childless: dict[str, int | None] = field(default_factory=dict)


def in_memory(contract: Contract, record: str) -> bool:
    """Say whether the keys of ``record`` are kept while it is read: where records below look for them, and
    where the vault will not have them."""
    is_parent = any(each.parent == record for each in contract.records.values())
    return is_parent or any(not contract.columns[name].in_vault for name in contract.records[record].key)


class Links:
    """Gives numbers from 1 to the rows of each record, in the order in which they come, and finds parents."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._database = duckdb.connect(":memory:")
        # Nothing of a key may reach a disk, so nothing is put aside there.
        self._database.execute("set temp_directory = ''")
        self._database.execute("set enable_external_access = false")
        self._rows = dict.fromkeys(contract.records, 0)
        self._kept = {name for name in contract.records if in_memory(contract, name)}
        self._made: set[str] = set()
        self._linked: dict[str, list[np.ndarray]] = {name: [] for name in contract.records}
        self._faults = {name: Faults() for name in contract.records}

    def close(self) -> None:
        """Forget the keys."""
        self._database.close()

    def number(self, batch: dict[str, tuple[pa.Table, pa.Array]]) -> dict[str, dict[str, pa.Array]]:
        """Return for each record of ``batch`` its columns of numbers: its own, and its parent's (null: there
        is none).

        ``batch``: record → (columns of its whole key, row in the file). A parent comes in the same batch as
        its children or in an earlier one.
        """
        starts = dict(self._rows)
        for record, (keys, rows) in batch.items():
            numbers = np.arange(starts[record] + 1, starts[record] + 1 + keys.num_rows)
            self._rows[record] += keys.num_rows
            if record in self._kept and keys.num_rows:
                self._remember(record, keys, rows, numbers)
        found = {}
        for record, (keys, rows) in batch.items():
            declared = self._contract.records[record]
            numbers = pa.array(np.arange(starts[record] + 1, starts[record] + 1 + keys.num_rows))
            found[record] = {declared.number: numbers}
            if declared.parent is not None:
                parents = self._parent_of(declared.parent, keys, starts[declared.parent])
                self._count_orphans(record, parents, rows)
                found[record][self._contract.records[declared.parent].number] = parents
        return found

    def _remember(self, record: str, keys: pa.Table, rows: pa.Array, numbers: np.ndarray) -> None:
        added = keys.append_column(_NUMBER, pa.array(numbers)).append_column(_ROW, rows)
        name = quoted(f"keys of {record}")
        self._database.register("added", added)
        if record in self._made:
            self._database.execute(f"insert into {name} select * from added")
        else:
            self._database.execute(f"create table {name} as select * from added")
            self._made.add(record)
        self._database.unregister("added")

    def _parent_of(self, parent: str, keys: pa.Table, known: int) -> pa.Array:
        """Return the numbers of the rows of ``parent`` with these keys: looked for among those of this batch
        (numbers above ``known``), and only what is not there among all."""
        wanted = self._contract.whole_key(parent)
        asked = keys.select(list(wanted)).append_column(_NUMBER, pa.array(np.arange(keys.num_rows)))
        numbers = np.zeros(keys.num_rows, np.int64)
        if parent not in self._made:
            return pa.nulls(keys.num_rows, pa.int64())
        on = " and ".join(f"asked.{quoted(name)} = known.{quoted(name)}" for name in wanted)
        for condition in (f"known.{_NUMBER} > {known}", f"known.{_NUMBER} <= {known}"):
            missing = np.flatnonzero(numbers == 0)
            if not len(missing):
                break
            self._database.register(
                "asked", asked if len(missing) == len(numbers) else asked.take(pa.array(missing))
            )
            pairs = self._database.execute(
                f"select asked.{_NUMBER} as child, min(known.{_NUMBER}) as parent from asked join"
                f" {quoted(f'keys of {parent}')} as known on {on} where {condition} group by child"
            ).fetchnumpy()
            self._database.unregister("asked")
            numbers[pairs["child"]] = pairs["parent"]
        return pa.array(numbers, mask=numbers == 0)

    def _count_orphans(self, record: str, parents: pa.Array, rows: pa.Array) -> None:
        faults = self._faults[record]
        numbers = parents.fill_null(0).to_numpy()
        self._linked[record].append(np.unique(numbers[numbers > 0]))
        orphans = np.flatnonzero(numbers == 0)
        if len(orphans):
            faults.orphans += len(orphans)
            if faults.first_orphan is None:
                faults.first_orphan = int(rows[int(orphans[0])].as_py())

    def faults(self) -> dict[str, Faults]:
        """Return the faults of every record, after the last batch."""
        for record in self._made:
            self._count_duplicates(record)
        for record, declared in self._contract.records.items():
            if declared.parent in self._made:
                self._count_childless(record, declared.parent)
        return self._faults

    def _count_duplicates(self, record: str) -> None:
        key = ", ".join(map(quoted, self._contract.whole_key(record)))
        name = quoted(f"keys of {record}")
        if not key:
            return
        rows, keys = self._database.execute(
            f"select coalesce(sum(rows), 0), count(*) from"
            f" (select count(*) as rows from {name} group by {key})"
        ).fetchone()
        faults = self._faults[record]
        faults.duplicate_keys = int(rows) - keys
        if faults.duplicate_keys:
            (faults.first_duplicate,) = self._database.execute(
                f"select min({_ROW}) from (select {_ROW}, row_number() over"
                f" (partition by {key} order by {_NUMBER}) as place from {name}) where place > 1"
            ).fetchone()

    def _count_childless(self, record: str, parent: str) -> None:
        has_child = np.zeros(self._rows[parent] + 1, bool)
        for numbers in self._linked[record]:
            has_child[numbers] = True
        without = np.flatnonzero(~has_child[1:]) + 1
        faults = self._faults[parent]
        faults.childless[record] = len(without)
        faults.first_childless[record] = None
        if len(without):
            (faults.first_childless[record],) = self._database.execute(
                f"select {_ROW} from {quoted(f'keys of {parent}')} where {_NUMBER} = {int(without[0])}"
            ).fetchone()
