"""Measure secondary suppression and the auditor on the tables of ``disclosure_tables``.

    python -m benchmarks.disclosure [--cases s1:4 m1:4 m1:2 m2:4] [--workers 2] [--limit 280]

Writes ``benchmarks/results/disclosure.md``. Every pattern is written out as CSV and judged by the auditor.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from benchmarks import disclosure_tables, machine
from statloom.disclosure.audit import audit
from statloom.disclosure.secondary import suppress

RESULTS = Path(__file__).parent / "results" / "disclosure.md"
PEERS = """
Peers, **quoted from the project's requirements, not measured here**, and on other tables of the same shape,
so that only the columns "provably small" and the time are comparable:

| case | peer | secondary cells | their value | primaries provably <= T | time |
| --- | --- | ---: | ---: | ---: | ---: |
| s1, T = 4 | GaussSuppression | 92 | 6,786 | 22 | 0.2 s |
| s1, T = 4 | sdcTable OPT | 85 | 5,391 | 35 | 80 s |
| s1, T = 4 | tau-Argus OPT | 74 | 5,285 | 59 | 8.5 s |
| m1, T = 4 | GaussSuppression | 1,658 | 29,815 | 437 | 38 s |
| m1, T = 4 | tau-Argus MOD | 1,800 | 35,624 | 285 | 45 s |
| m1, T = 2 | GaussSuppression | 2,027 | 22,698 | 0 | 62 s |
| m2, T = 4 | GaussSuppression | 6,482 | 131,765 | 1,059 | 308 s |
"""


def publish(folder: Path, name: str, suppressed: np.ndarray, threshold: int) -> None:
    """Write the table as its public would get it, with a description for the auditor."""
    cells, dimensions = disclosure_tables.frame(name)
    public = cells.assign(value=cells["value"].astype(str).mask(suppressed, ""))
    public.to_csv(folder / "cells.csv", index=False)
    lines = [f"{whole},{part}" for whole, parts in dimensions[0].sums for part in parts]
    (folder / "places.csv").write_text("\n".join(["sum,part", *lines]) + "\n")
    description = {
        "threshold": threshold,
        "dimensions": {
            "place": {"sums": [{"file": "places.csv", "sum": "sum", "part": "part"}]},
            **{dimension.column: {"total": "_T"} for dimension in dimensions[1:]},
        },
        "tables": [{"file": "cells.csv", "value": "value"}],
    }
    (folder / "disclosure.yml").write_text(yaml.safe_dump(description, sort_keys=False))


def measure(name: str, threshold: int, limit: float, workers: int) -> str:
    """Return one line of the table of results."""
    table = disclosure_tables.table(name)
    primary = (table.value > 0) & (table.value <= threshold)
    used = time.process_time()
    pattern = suppress(table, primary, threshold=threshold, time_limit=limit, workers=workers)
    used = time.process_time() - used
    with tempfile.TemporaryDirectory() as folder:
        publish(Path(folder), name, pattern.suppressed, threshold)
        began, cpu = time.monotonic(), time.process_time()
        result = audit(Path(folder))
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    verdicts = result.cells["verdict"].value_counts()
    small = int(verdicts.get("within threshold", 0) + verdicts.get("exact", 0))
    fields = [
        f"{name}, T = {threshold}",
        f"{len(table.value):,}",
        f"{int(primary.sum()):,}",
        f"{int(pattern.secondary.sum()):,}",
        f"{pattern.value:,.0f}",
        f"{pattern.bound:,.0f}",
        f"{pattern.gap:.2%}",
        str(small),
        f"{pattern.seconds:.1f} s ({used:.1f} s CPU)",
        f"{seconds:.1f} s ({cpu:.1f} s CPU)",
    ]
    return f"| {' | '.join(fields)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", default=["s1:4", "m1:4", "m1:2", "m2:4"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=280.0)
    arguments = parser.parse_args()
    lines = []
    for case in arguments.cases:
        name, _, threshold = case.partition(":")
        lines.append(measure(name, int(threshold), arguments.limit, arguments.workers))
        print(lines[-1], flush=True)
    head = (
        "# Disclosure control\n\n"
        f"`python -m benchmarks.disclosure`, {machine.describe()}, {arguments.workers} processes.\n"
        "Counts 1 to T are primary, zeros are published, a left-out count is known to be at least 1. The\n"
        "bound is that of our own solver. CPU of the parent process; wall time depends on what else runs.\n\n"
        "| case | cells | primary | secondary | their value | proven bound | above it "
        "| recoverable or provably <= T (auditor) | suppression | audit |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    )
    RESULTS.write_text(head + "\n".join(lines) + "\n" + PEERS)


if __name__ == "__main__":
    main()
