"""The auditor: what anyone can find out about left-out cells from the published files.

It stands for the public. It takes files and their description, builds what they say by itself, and shares no
code with the part of Statloom that decides which cells to leave out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from statloom.disclosure.audit import description as descriptions
from statloom.disclosure.audit.intervals import CONTRADICTION, SAFE, judge
from statloom.disclosure.audit.propagate import tighten
from statloom.disclosure.audit.system import Builder, System

__all__ = ["Audit", "audit", "examine"]


@dataclass(frozen=True)
class Audit:
    """``cells``: one row per left-out cell with ``group``, the dimensions, ``file``, ``line``, ``verdict``
    (safe, exact, within threshold, narrow, contradiction), ``lower`` and ``upper``. ``published``: cells
    with a figure. ``revised``: cells that are another unknown in each release, because their figures differ
    or because together with others they would contradict the figures published."""

    cells: pd.DataFrame
    published: int
    revised: int

    @property
    def leaks(self) -> pd.DataFrame:
        """The rows of ``cells`` that are not safe."""
        return self.cells[self.cells["verdict"] != SAFE]

    @property
    def passed(self) -> bool:
        """True when every left-out cell is safe."""
        return bool((self.cells["verdict"] == SAFE).all())


def audit(folder: Path, *, exact: bool = False) -> Audit:
    """Judge every left-out cell of the files in ``folder``, as its ``disclosure.yml`` describes them.

    With ``exact`` both ends of every interval are solved for. Raises ``DescriptionError`` when the
    description or a file cannot be read.
    """
    folder = Path(folder)
    description = descriptions.read(folder)
    builder = Builder(folder, description)
    apart: set[tuple] = set()
    while True:
        system = builder.build(frozenset(apart))
        verdict, lower, upper = examine(system, description, exact=exact)
        contradictory = (
            system.left_out & (verdict == CONTRADICTION) & (system.cells["version"] == -1).to_numpy()
        )
        keys = set(system.cells.loc[contradictory, builder.keys].itertuples(index=False, name=None))
        if not keys or len(description["releases"]) == 1:
            break
        apart |= keys
    cells = system.cells.loc[system.left_out, [*builder.keys, "file", "line"]].copy()
    cells["verdict"], cells["lower"], cells["upper"] = (
        part[system.left_out] for part in (verdict, lower, upper)
    )
    published = int((~system.left_out & (system.cells["file"] != "")).sum())
    revised = system.cells.loc[system.cells["version"] >= 0, builder.keys].drop_duplicates()
    return Audit(cells.reset_index(drop=True), published, len(revised))


def examine(system: System, description: dict, *, exact: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return verdict, lower and upper end for every unknown of ``system`` (only the left-out ones are
    judged)."""
    integers = np.full(len(system.lower), bool(description["integers"]))
    lower, upper = tighten(
        system.rows, system.low, system.high, system.lower, system.upper, integers=integers
    )
    return judge(
        system.rows,
        system.low,
        system.high,
        lower,
        upper,
        system.left_out,
        threshold=description["threshold"],
        width=description["minimum_width"],
        integers=integers,
        exact=exact,
    )
