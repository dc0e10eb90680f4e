"""The auditor: what anyone can find out about left-out cells from the published files.

It stands for the public. It takes files and their description, builds what they say by itself, and shares no
code with the part of Statloom that decides which cells to leave out.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from statloom.disclosure.audit import description as descriptions
from statloom.disclosure.audit.intervals import CONTRADICTION, EXACT, NARROW, SAFE, WITHIN, judge
from statloom.disclosure.audit.listing import CELL
from statloom.disclosure.audit.propagate import tighten
from statloom.disclosure.audit.reconcile import contradictory, given_up
from statloom.disclosure.audit.system import Builder, System

__all__ = ["Audit", "audit", "cell", "examine", "nothing", "sentence"]

_SAID = ("verdict", "lower", "upper", "before")


@dataclass(frozen=True)
class Audit:
    """``cells``: one row per left-out figure with ``group``, the dimensions, ``file``, ``line``, ``verdict``
    (safe, exact, within threshold, narrow, shown, contradiction), ``lower``, ``upper``, and ``before``: the
    releases but the newest tell as much by themselves, whatever the newest shows (false unless it was asked
    for). ``published``:
    rows with a figure, ``left_out``: rows without, of all files that differ. ``revised``: cells that are
    another unknown in some releases. ``given_up``: sums and ties that were not believed in the end, because
    the figures published contradict them.
    """

    cells: pd.DataFrame
    published: int
    left_out: int
    revised: int
    given_up: int

    @property
    def leaks(self) -> pd.DataFrame:
        """The rows of ``cells`` that are not safe."""
        return self.cells[self.cells["verdict"] != SAFE]

    @property
    def passed(self) -> bool:
        """True when every left-out cell is safe."""
        return bool((self.cells["verdict"] == SAFE).all())


def audit(
    folder: Path, *, exact: bool = False, description: dict | None = None, before: bool = False
) -> Audit:
    """Judge every left-out cell of the files in ``folder``, as its ``disclosure.yml``, or ``description``,
    describes them.

    With ``exact`` both ends of every interval are solved for; with ``before`` it is asked of every leak what
    the releases but the newest tell of it. Raises ``DescriptionError`` when the
    description or a file cannot be read.
    """
    folder = Path(folder)
    if description is None:
        description = descriptions.read(folder)
    else:
        description = descriptions.filled(description, str(folder / descriptions.NAME))
    builder = Builder(folder, description)
    apart = np.zeros(0, dtype=np.uint64)
    system = builder.build(apart)
    found = examine(system, exact=exact)
    refused = 0
    if (found[0][system.asked] == CONTRADICTION).any():
        if len(description["releases"]) > 1:
            apart = np.unique(system.key[contradictory(system)])
            system = builder.build(apart)
        lost = given_up(system)
        refused = int(lost.sum())
        if refused or len(description["releases"]) > 1:
            system = system.without(lost)
            found = examine(system, exact=exact)
    gaps = _judged(system, *found)
    if before and gaps["bad"].any() and builder.tells_apart():
        earlier = builder.build(apart, earlier=True)
        gaps["before"] = _told_before(earlier, gaps, *found)
    cells = _cells(builder, gaps)
    told = builder.told
    if len(told):
        cells = pd.concat([cells, told.assign(before=False)[cells.columns]], ignore_index=True)
    return Audit(cells, builder.published, builder.left_out, system.revised, refused)


def examine(system: System, *, exact: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return verdict, lower and upper end for every unknown of ``system`` (only the left-out ones are
    judged)."""
    lower, upper = tighten(
        system.rows, system.low, system.high, system.lower, system.upper, integers=system.integers
    )
    return judge(
        system.rows,
        system.low,
        system.high,
        lower,
        upper,
        system.asked,
        threshold=system.threshold,
        width=system.width,
        integers=system.integers,
        exact=exact,
    )


def _judged(system: System, verdict, lower, upper) -> pd.DataFrame:
    """Return ``system.gaps`` with ``verdict``, ``lower``, ``upper``, ``bad`` and ``before`` (false).

    Of a share that is left out, a part that is known is no leak unless it is small, or all parts are: that
    nobody is in a group may be published.
    """
    gaps = system.gaps
    found = verdict[gaps["unknown"]]
    low, high = lower[gaps["unknown"]], upper[gaps["unknown"]]
    part = (gaps["role"] != CELL).to_numpy()
    if part.any():
        known = pd.Series(found == EXACT)
        all_known = known.groupby([gaps["release"], gaps["row"]]).transform("all").to_numpy()
        small = (high > 0) & (high <= system.threshold[gaps["unknown"]])
        nobody = gaps["group rule"].to_numpy() & (high <= 0)
        # What a share without its counts tells was not left out: it may be known, unless it is small.
        told = all_known & ~gaps["implied"].to_numpy()
        found = np.where(part & (found == EXACT) & ~(told | small | nobody), SAFE, found)
    return gaps.assign(verdict=found, lower=low, upper=high, before=False, bad=found != SAFE)


def _told_before(earlier: System, gaps: pd.DataFrame, verdict, lower, upper) -> np.ndarray:
    """Return over ``gaps`` which leaks the ``earlier`` system, of the same unknowns, tells as well."""
    leaks = np.unique(gaps.loc[gaps["bad"], "unknown"])
    asked = np.zeros(len(earlier.lower), dtype=bool)
    asked[leaks] = True
    told, least, most = examine(replace(earlier, asked=asked), exact=False)
    rank = {name: number for number, name in enumerate((NARROW, WITHIN, EXACT), start=1)}
    as_bad = np.array([rank.get(told[one], 0) >= rank.get(verdict[one], 9) for one in leaks], dtype=bool)
    as_near = (np.floor(most + 1e-6)[leaks] <= np.floor(upper + 1e-6)[leaks]) & (
        np.ceil(least - 1e-6)[leaks] >= np.ceil(lower - 1e-6)[leaks]
    )
    return gaps["bad"].to_numpy() & np.isin(gaps["unknown"], leaks[as_bad & as_near])


def _cells(builder: Builder, gaps: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each unknown of each table: that which tells most, in the newest release."""
    gaps = gaps.sort_values(["bad", "release", "row"], kind="stable").drop_duplicates(
        ["unknown", "quantity"], keep="last"
    )
    gaps = gaps.sort_values("at")
    cells = builder.describe(gaps["at"].to_numpy())
    return cells.assign(**{name: gaps[name].to_numpy() for name in _SAID})


def nothing() -> Audit:
    """Return the result where nothing is left out and no rule is declared."""
    return Audit(pd.DataFrame(columns=["group", "file", "line", *_SAID]), 0, 0, 0, 0)


def cell(leak: dict) -> str:
    """Return which figure a row of ``Audit.leaks`` is about."""
    names = [name for name in leak if name not in ("group", "file", "line", *_SAID)]
    shown = [name for name in names if leak[name] != "_T" or len(names) < 4]
    return ", ".join([leak["group"].replace("|", " ").strip(), *(f"{name} {leak[name]}" for name in shown)])


def sentence(leak: dict) -> str:
    """Return what a row of ``Audit.leaks`` says, for a person: file, row, cell and interval."""
    between = f"lies between {leak['lower']:g} and {leak['upper']:g}"
    said = {
        "exact": f"is exactly {leak['lower']:g}",
        "within threshold": between,
        "narrow": between,
        "shown": "is shown, although a rule keeps it back"
        + ("" if np.isnan(leak["lower"]) else f": {leak['lower']:g}"),
        "contradiction": "stands in sums that the published figures contradict",
    }[leak["verdict"]]
    return f"{leak['file']}, row {leak['line']}: {cell(leak)} {said}"
