"""Secondary suppression: which further cells to leave out so that the left-out small cells stay unknown.

The guarantee is that of full intervals. Whoever knows every published cell, every sum, and the least value
that a left-out cell can have, still cannot tell that a primary cell lies within the threshold: the largest
value that the published figures allow it is above. (Continuous values are assumed; see
docs/disclosure-control.md.)
"""

import time
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import DOWN, EITHER, UP, Problem, unmet
from statloom.disclosure.secondary_repair import settled
from statloom.disclosure.secondary_whole import Budget, Workers, solve
from statloom.disclosure.tables import Table, parts_of

LAST = 0.06  # share of the time that is left for the last steps


@dataclass(frozen=True)
class Pattern:
    """What to leave out of a table; all arrays are over its cells.

    ``primary`` and ``secondary`` are true for the cells to suppress. ``value`` is the weight of the secondary
    ones, ``bound`` a proven lower bound of the weight that any protecting pattern has (0: none proven).
    ``unprotected`` are primary cells that no suppression can protect because cells that would have to be
    suppressed may not be. ``seconds`` is the time taken; ``progress`` says what was reached when.
    """

    primary: np.ndarray
    secondary: np.ndarray
    value: float
    bound: float
    unprotected: np.ndarray
    seconds: float
    progress: tuple[str, ...] = field(default=())

    @property
    def suppressed(self) -> np.ndarray:
        """Primary and secondary cells."""
        return self.primary | self.secondary

    @property
    def gap(self) -> float:
        """How much more than the proven bound the pattern costs, as a share of the bound."""
        return (
            (self.value - self.bound) / self.bound if self.bound > 0 else (0.0 if self.value <= 0 else np.inf)
        )


def suppress(
    table: Table,
    primary: np.ndarray,
    *,
    threshold: float = 0.0,
    rise: np.ndarray | None = None,
    fall: np.ndarray | None = None,
    spread: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    free: np.ndarray | None = None,
    keep: np.ndarray | None = None,
    zeros: np.ndarray | None = None,
    least: float | np.ndarray = 1.0,
    time_limit: float = 60.0,
    gap: float = 0.008,
    workers: int = 1,
) -> Pattern:
    """Return a pattern of small weight under which every ``primary`` cell may be larger than ``threshold``.

    Arrays are over the cells of ``table``.

    - ``primary``: true for the cells that must not be published. A zero is published and never suppressed,
      unless ``zeros`` says that it may be.
    - ``rise``, ``fall``, ``spread``: how far each primary cell must be possible above its value, below it,
      and in both directions together (upper, lower and sliding protection; 0: not demanded). Without
      ``rise``, for counts: to the first count above ``threshold``, one more at least. Without the others
      nothing is demanded of them.
    - ``weights``: what each cell costs to suppress (not negative; default: its value, of ``zeros`` 1).
    - ``free``: true for cells that stay published whatever happens, such as counts that are public anyway or
      stand in an earlier release.
    - ``keep``: true for cells that are left out whatever happens, such as those of an earlier release. They
      count as secondary ones, in ``value`` and in ``bound``.
    - ``zeros``: true for cells with the value 0 that may be left out too, such as the empty part of a share
      whose row is left out. They can only be larger than they are. They may be primary.
    - ``least``: the smallest value that the public knows a suppressed cell to have: 1 for counts whose zeros
      are published, 0 for magnitudes; one number, or one for each cell. Of ``zeros`` it is 0.
    - ``time_limit`` in seconds. When it runs out the best pattern found is returned, always a protecting one;
      the steps that make it so may take some seconds more on a large table.
    - ``gap``: stop within this share of the proven bound. ``workers``: processes to use; their number does
      not change the pattern unless the time runs out.

    Raises ``ValueError`` for negative values or weights, for ``zeros`` that are not 0, for a cell that is
    both to be published and to be left out, and for demands to fall further than a cell can.
    """
    began = time.monotonic()
    value = table.value
    free, keep, zeros = (
        np.zeros(len(value), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
        for mask in (free, keep, zeros)
    )
    may_move = (value != 0) | zeros
    primary = np.asarray(primary, dtype=bool) & may_move
    cost = np.asarray(np.where(zeros, 1.0, value) if weights is None else weights, dtype=float)
    if (value[zeros] != 0).any():
        raise ValueError(f"{int((value[zeros] != 0).sum())} cells of zeros have another value")
    if (value < 0).any():
        raise ValueError("a table with negative values has no least value that the public knows")
    if (cost < 0).any():
        raise ValueError(f"{int((cost < 0).sum())} cells have a negative weight")
    if (primary & free).any():
        raise ValueError(f"{int((primary & free).sum())} cells are primary and free at once")
    if (keep & free).any():
        raise ValueError(f"{int((keep & free).sum())} cells are to keep left out and free at once")
    if rise is None:
        rise = np.maximum(threshold + 1.0 - value, 1.0)

    live = np.flatnonzero(may_move)
    equations = sparse.csr_array(table.equations[:, live])
    least = np.where(zeros, 0.0, least)
    down = np.maximum(value[live] - least[live], 0.0)
    cell, sign, need = _demands(primary, rise, fall, spread, live)
    if ((sign == DOWN) & (need > down[cell] + 1e-9)).any():
        first = live[cell[np.flatnonzero((sign == DOWN) & (need > down[cell] + 1e-9))[0]]]
        raise ValueError(
            f"{table.cells.iloc[first].to_dict()} = {value[first]:g} cannot fall as far as demanded"
        )
    unit = _unit(need)
    given = (primary | keep)[live]
    everything = Problem(equations, down / unit, cost[live], free[live], given, cell, sign, need / unit)
    missed = np.zeros(len(value), dtype=bool)
    if len(cell) and (free.any() or (sign != UP).any()):
        hopeless = unmet(everything, ~everything.barred)
        missed[live[cell[hopeless]]] = True
        everything.cell, everything.sign, everything.need = (
            part[~hopeless] for part in (everything.cell, everything.sign, everything.need)
        )

    suppressed = given.copy()
    bound, progress = 0.0, []
    position = np.full(len(value), -1)
    position[live] = np.arange(len(live))
    blocks = [position[block][position[block] >= 0] for block in table.blocks]
    unit_of_figures = (1.0 if least.max(initial=0.0) > 0 else 1e-6) / unit
    with Workers(workers if len(live) > 1000 else 1) as crew:
        parts = [(cells, problem, _within(blocks, cells, len(live))) for cells, problem in _parts(everything)]
        budget = Budget(began, began + (1.0 - LAST) * time_limit, gap, progress)
        for (cells, problem, _), solution in zip(parts, solve(parts, budget, crew), strict=True):
            suppressed[cells] = _without_known(problem, solution.pattern, unit_of_figures)
            bound += solution.bound
    secondary = np.zeros(len(value), dtype=bool)
    secondary[live] = suppressed
    secondary |= keep
    secondary &= ~primary
    return Pattern(
        primary,
        secondary,
        float(cost[secondary].sum()),
        bound + float(cost[keep & ~primary].sum()),
        missed,
        time.monotonic() - began,
        tuple(progress),
    )


def _demands(
    primary: np.ndarray,
    rise: np.ndarray,
    fall: np.ndarray | None,
    spread: np.ndarray | None,
    live: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the demands: cell (its position among ``live``), sign and need."""
    parts = []
    for amount, sign in ((rise, UP), (fall, DOWN), (spread, EITHER)):
        if amount is not None:
            amount = np.asarray(amount, dtype=float)[live]
            cells = np.flatnonzero(primary[live] & (amount > 0))
            parts.append((cells, np.full(len(cells), sign), amount[cells]))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _unit(need: np.ndarray) -> float:
    """Return the unit in which demands are near one: solvers judge by absolute tolerances."""
    return float(np.median(need)) if len(need) and need.max() > 1000.0 else 1.0


def _parts(problem: Problem) -> list[tuple[np.ndarray, Problem]]:
    """Return the connected parts of ``problem`` in which something is demanded, with their cells."""
    component = parts_of(problem.equations)
    order = np.argsort(component, kind="stable")
    bounds = np.searchsorted(component[order], np.arange(component.max(initial=-1) + 2))
    used = np.diff(problem.equations.indptr) > 0
    row_of = np.full(problem.equations.shape[0], -1)
    row_of[used] = component[problem.equations.indices[problem.equations.indptr[:-1][used]]]
    row_order = np.argsort(row_of, kind="stable")
    row_bounds = np.searchsorted(row_of[row_order], np.arange(component.max(initial=-1) + 2))
    asked_order = np.argsort(component[problem.cell], kind="stable")
    asked_bounds = np.searchsorted(
        component[problem.cell][asked_order], np.arange(component.max(initial=-1) + 2)
    )
    place = np.empty(len(component), dtype=int)
    place[order] = np.arange(len(order))
    found = []
    for number in np.unique(component[problem.cell]):
        cells = order[bounds[number] : bounds[number + 1]]
        rows = row_order[row_bounds[number] : row_bounds[number + 1]]
        asked = asked_order[asked_bounds[number] : asked_bounds[number + 1]]
        found.append(
            (
                cells,
                Problem(
                    sparse.csr_array(problem.equations[rows][:, cells]),
                    problem.down[cells],
                    problem.cost[cells],
                    problem.barred[cells],
                    problem.given[cells],
                    place[problem.cell[asked]] - bounds[number],
                    problem.sign[asked],
                    problem.need[asked],
                ),
            )
        )
    return found


def _within(blocks: list[np.ndarray], cells: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the ``blocks`` as positions among ``cells``, without those that hold none."""
    place = np.full(count, -1)
    place[cells] = np.arange(len(cells))
    inner = [place[block][place[block] >= 0] for block in blocks]
    return [np.unique(block) for block in inner if len(block)]


def _without_known(problem: Problem, pattern: np.ndarray, unit: float) -> np.ndarray:
    """Return ``pattern`` less secondary cells that anyone can compute: leaving those out hides nothing."""
    if np.array_equal(pattern, problem.given):
        return pattern
    for cell in np.flatnonzero(settled(problem, pattern, unit)):
        trial = pattern.copy()
        trial[cell] = False
        if not unmet(problem, trial).any():
            pattern = trial
    return pattern
