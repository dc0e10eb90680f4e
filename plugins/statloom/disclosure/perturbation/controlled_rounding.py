"""Controlled rounding: every figure becomes a multiple of a base, and all sums of the table still hold.

The blocks of each connected part are rounded from the widest down, each with what those above it have
decided; then, if it is not too large, the part as one integer programme (`rounding_model`), which proves the
optimum. Sources: Cox and Ernst (1982), Controlled rounding; Kelly, Golden and Assad (1990), The controlled
rounding problem: relaxations and complexity issues; Salazar-González (2006), Controlled rounding and cell
perturbation: statistical disclosure limitation methods for tabular data.
"""

import time
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from statloom.disclosure.perturbation import rounding_model
from statloom.disclosure.perturbation.random_rounding import checked
from statloom.disclosure.tables import Table

WHOLE = 15_000  # open cells up to which a connected part is one programme
_MENDED = 3_000  # cells up to which a part without such a rounding is one programme too
_LEAST = 2.0  # seconds that a programme has in any case
_MOST = 4  # multiples beyond the neighbouring ones that are tried, before sums are made from the finest cells


@dataclass(frozen=True)
class Rounded:
    """``value``: multiples of the base, for which every equation of the table holds.

    ``further``: positions of cells that are not at a neighbouring multiple, because no such table exists or
    none was found in time. ``moved``: positions of cells that have another value than they were to keep.
    ``loss``: the sum of all distances from the figures. ``bound``: no table of neighbouring multiples that
    keeps what is to be kept has a smaller one; None where that was not proven. ``notes``: what was done.
    """

    value: np.ndarray
    further: np.ndarray
    moved: np.ndarray
    loss: float
    bound: float | None
    notes: list[str] = field(default_factory=list)


def controlled_rounding(
    table: Table,
    *,
    base: int,
    keep: np.ndarray | None = None,
    time_limit: float = 60.0,
    whole: int = WHOLE,
) -> Rounded:
    """Return ``table`` rounded to multiples of ``base`` (3 or 5), as near to its figures as sums allow.

    Cells go to a neighbouring multiple; multiples stay. Where no such table exists (from three dimensions
    on) or none is found in time, as few cells as possible go to the next multiple; they are named in
    ``further``. ``keep``: for each cell the multiple that an earlier release showed of the same figure, NaN
    for new and changed ones; it is kept unless the sums forbid it. ``time_limit``: seconds, after which the
    best table found is taken; the same input gives the same table unless it runs out.

    Raises ValueError for another base, negative or missing figures, figures or kept values that break a sum
    or are no multiples, and when no rounding was found at all.
    """
    began = time.monotonic()
    checked(base)
    given = np.asarray(table.value, dtype=float)
    kept = np.full(len(given), np.nan) if keep is None else np.asarray(keep, dtype=float)
    if not np.all(np.isfinite(given)) or np.any(given < 0):
        raise ValueError("only counts are rounded: a figure is missing, negative or infinite")
    there = ~np.isnan(kept)
    if np.any(kept[there] % base) or np.any(kept[there] < 0):
        raise ValueError(f"a value that is to be kept is no multiple of {base}")
    equations = sparse.csr_array(table.equations)
    off = np.abs(equations @ given) > 1e-6 * np.maximum(1.0, np.abs(equations) @ given)
    if off.any():
        raise ValueError(f"{int(off.sum())} sums of the table do not hold before rounding")
    steps = np.floor(given / base)
    below, rest = steps, np.where(given - base * steps < 1e-9, 0.0, given - base * steps)
    problem = rounding_model.Problem(equations, below, rest, np.rint(kept / base), base)

    result, bound, notes = np.full(len(given), np.nan), 0.0, []
    parts = _parts(table)
    alone = np.concatenate([cells for cells in parts if len(cells) == 1] or [np.zeros(0, dtype=int)])
    result[alone] = rounding_model.nearest(problem, alone)
    bound += rounding_model.loss(problem, result[alone], alone)
    joined = sorted((cells for cells in parts if len(cells) > 1), key=len)
    end = began + time_limit
    for number, cells in enumerate(joined):
        # Small parts leave most of their time to the large ones, which come last.
        left = max(_LEAST, end - time.monotonic()) / (len(joined) - number)
        until = min(time.monotonic() + 2 * left, max(end, time.monotonic() + _LEAST))
        result[cells], proven = _part(problem, cells, table.blocks, until, whole, notes)
        bound = None if bound is None or proven is None else bound + proven
    if np.any(equations @ result):
        raise ValueError("no rounding was found for which all sums hold")
    value = result * base
    further = np.flatnonzero((value < given - base + 1e-9) | (value > given + base - 1e-9))
    moved = np.flatnonzero(there & (value != kept))
    return Rounded(value, further, moved, float(np.abs(value - given).sum()), bound, notes)


def _parts(table: Table) -> list[np.ndarray]:
    part = table.components()
    order = np.argsort(part, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(part[order])) + 1)


def _part(problem, cells, blocks, until, whole, notes) -> tuple[np.ndarray, float | None]:
    """Return the multiples of the connected part ``cells``, and the proven bound of its loss.

    The blocks are quick and nearly always give a table; the whole is then tried in the time that is left.
    """
    within = np.zeros(len(problem.below), dtype=bool)
    within[cells] = True
    inside = [np.unique(block) for block in blocks if within[block].all()]
    found = _in_blocks(problem, cells, inside, until) if len(inside) > 1 else None
    if found is not None:
        notes.append(f"{len(cells)} cells in {len(inside)} blocks")
    if (problem.rest[cells] > 0).sum() <= whole:
        best = rounding_model.score(problem, found, cells) if found is not None else np.inf
        for model in rounding_model.STAGES:
            if found is not None and model.reach and len(cells) > _MENDED:
                break
            solved = rounding_model.solve(problem, cells, model, fixed=None, until=until)
            if solved is None:
                continue
            if rounding_model.score(problem, solved.multiples, cells) <= best:
                found = solved.multiples
            return found, solved.bound
    if found is None:
        notes.append(f"{len(cells)} cells: added up from the finest")
        found = rounding_model.added_up(problem, cells)
    return found, None


def _in_blocks(problem, cells, blocks, until) -> np.ndarray | None:
    """Round blocks from the widest down, what is decided staying so; None where one cannot be rounded."""
    result = np.full(len(problem.below), np.nan)
    for number, block in enumerate(sorted(blocks, key=lambda block: -problem.below[block].sum())):
        left = max(_LEAST / 4, (until - time.monotonic()) / (len(blocks) - number) * 4)
        for model in (*rounding_model.STAGES, *rounding_model.wider(_MOST)):
            end = min(time.monotonic() + left, max(until, time.monotonic() + _LEAST / 4))
            found = rounding_model.solve(problem, block, model, fixed=result[block], until=end)
            if found is not None:
                result[block] = found.multiples
                break
        else:
            return None
    if np.isnan(result[cells]).any() or np.any(problem.equations[:, cells] @ result[cells]):
        return None
    return result[cells]
