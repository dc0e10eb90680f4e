"""Controlled rounding measured: ``python -m benchmarks.rounding [--write]``.

For each table and base: seconds of CPU, the sum of all distances from the figures, its proven bound, cells
beyond the neighbouring multiples; then the same table with one figure revised, and how many others moved.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import disclosure_tables
from statloom.disclosure.perturbation import controlled_rounding
from statloom.disclosure.tables import Table

RESULTS = Path(__file__).parent / "results" / "rounding.md"
CASES = (("s1", 3), ("s1", 5), ("m1", 3), ("m1", 5), ("m2", 3), ("m2", 5))
COLUMNS = (
    "table",
    "base",
    "cells",
    "CPU s",
    "loss",
    "bound",
    "nearest",
    "further",
    "revised",
    "moved",
    "CPU s again",
)


def measured(name: str, base: int, time_limit: float) -> tuple:
    """Return one row of `COLUMNS`."""
    frame, dimensions = disclosure_tables.frame(name)
    table = Table.of(frame, dimensions)
    began = time.process_time()
    first = controlled_rounding(table, base=base, time_limit=time_limit)
    seconds = time.process_time() - began
    rest = table.value % base
    revised = Table.of(_revised(frame, dimensions), dimensions)
    same = revised.value == table.value
    began = time.process_time()
    second = controlled_rounding(
        revised, base=base, keep=np.where(same, first.value, np.nan), time_limit=time_limit
    )
    return (
        name,
        base,
        f"{len(table.value):,}",
        f"{seconds:.1f}",
        f"{first.loss:,.0f}",
        "" if first.bound is None else f"{first.bound:,.0f}",
        f"{np.minimum(rest, base - rest).sum():,.0f}",
        len(first.further),
        int((~same).sum()),
        len(second.moved),
        f"{time.process_time() - began:.1f}",
    )


def _revised(frame, dimensions):
    """Return ``frame`` with one more in one of the finest cells and in all sums that it stands in."""
    parents = {part: whole for whole, parts in dimensions[0].sums for part in parts}
    names = [dimension.column for dimension in dimensions]
    finest = (frame[names[1:]] != "_T").all(axis=1) & (frame[names[0]] == "t005")
    row = frame[finest].iloc[1]
    chain = [row[names[0]]]
    while chain[-1] in parents:
        chain.append(parents[chain[-1]])
    touched = frame[names[0]].isin(chain)
    for name in names[1:]:
        touched &= frame[name].isin([row[name], "_T"])
    changed = frame.copy()
    changed.loc[touched, "value"] += 1
    return changed


def main() -> None:
    """Measure all cases; with ``--write``, into `RESULTS`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--time-limit", type=float, default=60.0)
    arguments = parser.parse_args()
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    for name, base in CASES:
        row = measured(name, base, arguments.time_limit)
        lines.append(f"| {' | '.join(map(str, row))} |")
        print(lines[-1], flush=True)
    if arguments.write:
        RESULTS.write_text(
            "# Controlled rounding\n\nTables by seed (`benchmarks/disclosure_tables.py`), one core, at most "
            f"{arguments.time_limit:g} seconds each. Loss: sum of all distances from the figures; nearest: "
            "what rounding each cell for itself would lose, without sums; further: cells not at a "
            "neighbouring multiple; moved: unrevised cells that the next release shows otherwise.\n\n"
            + "\n".join(lines)
            + "\n"
        )


if __name__ == "__main__":
    main()
