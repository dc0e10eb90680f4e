"""Known defects, duplicate keys, and how much of a delivery may be unreadable."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts import conditions
from statloom.contracts.model import Contract
from statloom.errors import DeliveryError
from statloom.landing.read.result import ROW_NUMBER, Quarantined, Reading


def cleaned(contract: Contract, reading: Reading, name: str) -> Reading:
    """Return ``reading`` without known defects and duplicate keys.

    Raises DeliveryError, naming the first, when more rows are unreadable than the contract tolerates.
    """
    _take_out_defects(contract, reading)
    if set(contract.key) <= set(reading.table.column_names):
        _take_out_duplicates(contract, reading)
    unreadable = [row for row in reading.quarantined if row.stage == "read"]
    allowed = contract.tolerance.unreadable_rows * reading.rows_read
    if len(unreadable) > allowed:
        first = min(unreadable, key=lambda row: row.row_number)
        more = (
            f" ({len(unreadable):,} of {reading.rows_read:,} rows are unreadable)"
            if len(unreadable) > 1
            else ""
        )
        raise DeliveryError(first.reason + more, file=name, row=first.row_number, column=first.column)
    if reading.table.num_rows == 0:
        raise DeliveryError("no row is left to load", file=name)
    reading.quarantined.sort(key=lambda row: row.row_number)
    return reading


def _take_out_defects(contract: Contract, reading: Reading) -> None:
    if not contract.defects:
        return
    with conditions.connection() as database:
        database.register("delivery", reading.table)
        found = []
        for defect in contract.defects:
            numbered = "(select *, row_number() over () - 1 as rowid_ from delivery)"
            query = f"select rowid_ from {numbered} where ({defect.where}\n) order by 1"  # noqa: S608
            rows = database.execute(query).fetchnumpy()["rowid_"]
            if len(rows) != defect.expect_rows:
                reading.notes.append(
                    f"known defect not applied: {len(rows)} rows match {defect.where!r}, expected"
                    f" {defect.expect_rows} ({defect.reason})"
                )
                continue
            found.append((defect.reason, rows))
    taken: dict[int, str] = {}
    for reason, rows in found:
        for row in rows.tolist():
            taken.setdefault(row, reason)
    _hold_out(reading, taken, "defect", None, confidential=contract.microdata)


def _take_out_duplicates(contract: Contract, reading: Reading) -> None:
    """Hold out all rows of a key that occurs more than once: which one is right cannot be known.

    Rows that are the same in every cell are one row; the first of them stays.
    """
    key = list(contract.key)
    table = reading.table
    counted = table.group_by(key, use_threads=False).aggregate([(ROW_NUMBER, "count")])
    twice = counted.filter(pc.greater(counted.column(f"{ROW_NUMBER}_count"), 1))
    if twice.num_rows == 0:
        return
    positions = table.append_column("position", pa.array(range(table.num_rows)))
    rows = positions.to_pandas(types_mapper=None)
    rows = rows[rows.duplicated(key, keep=False)]
    same = rows.duplicated([n for n in table.column_names if n != ROW_NUMBER], keep="first")
    first_row = rows.groupby(key, dropna=False)[ROW_NUMBER].transform("min")
    last_row = rows.groupby(key, dropna=False)[ROW_NUMBER].transform("max")
    different = rows[~same].duplicated(key, keep=False).reindex(rows.index, fill_value=False)
    rows = rows.assign(
        other=first_row.where(first_row != rows[ROW_NUMBER], last_row),
        what=np.where(same & ~different, "the same row as", "the same key as"),
    )[same | different]
    values = [""] * len(rows)
    if not contract.microdata:
        cells = zip(*(rows[name].map(repr) for name in key), strict=True)
        values = [": " + ", ".join(f"{n} = {v}" for n, v in zip(key, row, strict=True)) for row in cells]
    taken = {
        position: f"{what} row {other}{value}"
        for position, what, other, value in zip(
            rows["position"].tolist(), rows["what"], rows["other"], values, strict=True
        )
    }
    _hold_out(reading, taken, "read", ", ".join(key), confidential=contract.microdata)


def _hold_out(
    reading: Reading, taken: dict[int, str], stage: str, column: str | None, *, confidential: bool
) -> None:
    """Move the rows at the positions ``taken`` (with their reasons) from the table to quarantine."""
    if not taken:
        return
    positions = pa.array(sorted(taken), pa.int64())
    for position, content in zip(sorted(taken), reading.table.take(positions).to_pylist(), strict=True):
        number = content.pop(ROW_NUMBER)
        shown = {} if confidential else content
        reading.quarantined.append(Quarantined(number, stage, column, taken[position], shown))
    keep = pc.invert(pc.is_in(pa.array(range(reading.table.num_rows), pa.int64()), positions))
    reading.table = reading.table.filter(keep)
