"""The delivery's columns against the contract's: renamed, turned into rows, and none too many or too few."""

import pyarrow as pa

from statloom.contracts.model import Contract
from statloom.errors import DeliveryError
from statloom.landing.read.cells import Cells

_LIKELY = 70  # rapidfuzz's scale of 0 to 100


def named(contract: Contract, cells: Cells, name: str) -> Cells:
    """Return ``cells`` under the contract's column names, in its order, without the columns that are dropped.

    Raises DeliveryError that says which columns are unknown, missing, or probably renamed.
    """
    table = _unpivoted(contract, _renamed(contract, cells.table, name), cells, name)
    rows = table.rows
    found, wanted = table.table.column_names, contract.columns
    unknown = [column for column in found if column not in wanted]
    missing = [column for column, c in wanted.items() if column not in found and not c.optional]
    if unknown or missing:
        raise DeliveryError(changes(unknown, missing), file=name)
    kept = {
        column: table.table.column(column) if column in found else pa.nulls(table.table.num_rows, pa.string())
        for column, c in wanted.items()
        if c.kept
    }
    return Cells(pa.table(kept), rows, cells.broken)


def _renamed(contract: Contract, table: pa.Table, name: str) -> pa.Table:
    rename = contract.format.rename
    names = [rename.get(header, header) for header in table.column_names]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise DeliveryError(f"two columns of the file are {', '.join(map(repr, twice))}", file=name)
    return table.rename_columns(names)


def _unpivoted(contract: Contract, table: pa.Table, cells: Cells, name: str) -> Cells:
    unpivot = contract.format.unpivot
    if unpivot is None:
        return Cells(table, cells.rows)
    missing = [header for header in unpivot.columns if header not in table.column_names]
    if missing:
        others = [h for h in table.column_names if h not in contract.columns and h not in unpivot.columns]
        raise DeliveryError(changes(others, missing), file=name)
    others = table.drop_columns(list(unpivot.columns))
    parts = [
        others.append_column(unpivot.name, pa.array([category] * table.num_rows, pa.string())).append_column(
            unpivot.value, table.column(header)
        )
        for header, category in unpivot.columns.items()
    ]
    rows = pa.concat_arrays([cells.rows] * len(parts))
    # Row by row again, as a person reads the file, not category by category.
    import numpy as np

    order = np.argsort(rows.to_numpy(), kind="stable")
    return Cells(pa.concat_tables(parts).take(order), rows.take(pa.array(order)))


def changes(unknown: list[str], missing: list[str]) -> str:
    """Say which columns came and went, pairing those that look like one column with a new name."""
    from rapidfuzz import fuzz, process

    unknown, missing, texts = list(unknown), list(missing), []
    for column in list(missing):
        match = process.extractOne(
            column, unknown, scorer=fuzz.WRatio, processor=_plain, score_cutoff=_LIKELY
        ) or (
            process.extractOne(column, unknown, scorer=fuzz.ratio)
            if len(unknown) == len(missing) == 1
            else None
        )
        if match:
            texts.append(f"column {column!r} is missing, probably renamed to {match[0]!r}")
            missing.remove(column)
            unknown.remove(match[0])
    if missing:
        texts.append(f"missing column{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))}")
    if unknown:
        shown = ", ".join(repr(column[:60]) for column in unknown[:20])
        texts.append(f"unknown column{'s' if len(unknown) > 1 else ''} {shown}")
    return "the columns have changed: " + "; ".join(texts)


def _plain(text: str) -> str:
    return text.lower().replace("_", " ").replace("-", " ").strip()
