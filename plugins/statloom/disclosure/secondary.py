"""Secondary suppression: which further cells to leave out so that the left-out small cells stay unknown.

The guarantee is that of full intervals. Whoever knows every published cell, every sum, and the least value
that a left-out cell can have, still cannot tell that a primary cell lies within the threshold: the largest
value that the published figures allow it is above. (Continuous values are assumed; see
docs/disclosure-control.md.)
"""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import unprotected
from statloom.disclosure.secondary_blocks import Cuts, Problem, Solution, mend, price, protect
from statloom.disclosure.secondary_repair import Repair, settled
from statloom.disclosure.tables import Table, parts_of

BLOCK = 1500  # cells up to which one block is solved as a whole


@dataclass(frozen=True)
class Pattern:
    """What to leave out of a table; all arrays are over its cells.

    ``primary`` and ``secondary`` are true for the cells to suppress. ``value`` is the weight of the secondary
    ones, ``bound`` a proven lower bound of the weight that any protecting pattern has (0: none proven).
    ``unprotected`` are primary cells that no suppression can protect because cells that would have to be
    suppressed may not be. ``seconds`` is the time taken.
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
    threshold: float,
    rise: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    free: np.ndarray | None = None,
    least: float = 1.0,
    time_limit: float = 60.0,
    gap: float = 0.008,
    workers: int = 1,
) -> Pattern:
    """Return a pattern of small weight under which every ``primary`` cell may be larger than ``threshold``.

    - ``primary``: true for the cells that must not be published. A zero is published and never suppressed.
    - ``rise``: how far above its value each primary cell must be possible; without it, for counts: to the
      first count above ``threshold``, one more at least.
    - ``weights``: what each cell costs to suppress (positive; default: its value).
    - ``free``: true for cells that stay published whatever happens, such as counts that are public anyway.
    - ``least``: the smallest value that the public knows a suppressed cell to have: 1 for counts whose zeros
      are published, 0 for magnitudes.
    - ``time_limit`` in seconds. When it runs out the best pattern found is returned, always a protecting one.
    - ``gap``: stop within this share of the proven bound. ``workers``: processes to use.

    Raises ``ValueError`` for negative values and for a primary cell that is free.
    """
    began = time.monotonic()
    value = table.value
    primary = np.asarray(primary, dtype=bool) & (value != 0)
    free = np.zeros(len(value), dtype=bool) if free is None else np.asarray(free, dtype=bool)
    if (value < 0).any():
        raise ValueError("a table with negative values has no least value that the public knows")
    if (primary & free).any():
        raise ValueError(f"{int((primary & free).sum())} cells are primary and free at once")
    need = np.maximum(threshold + 1.0 - value, 1.0) if rise is None else np.asarray(rise, dtype=float)
    cost = np.asarray(value if weights is None else weights, dtype=float)

    live = np.flatnonzero(value != 0)
    equations = sparse.csr_array(table.equations[:, live])
    component = parts_of(equations)
    position = np.full(len(value), -1)
    position[live] = np.arange(len(live))
    everything = Problem(
        equations,
        np.maximum(value[live] - least, 0.0),
        cost[live],
        free[live],
        np.flatnonzero(primary[live]),
        need[live][primary[live]],
    )
    hopeless = (
        everything.primary[
            unprotected(equations, everything.down, ~everything.barred, everything.primary, everything.need)
        ]
        if free.any()
        else np.zeros(0, dtype=int)
    )
    keep = ~np.isin(everything.primary, hopeless)
    everything.primary, everything.need = everything.primary[keep], everything.need[keep]

    suppressed = np.zeros(len(live), dtype=bool)
    bound, progress = 0.0, []
    deadline = began + time_limit
    for number in np.unique(component[everything.primary]):
        cells = np.flatnonzero(component == number)
        problem = everything.part(cells)
        blocks = _merged([position[block] for block in table.blocks], cells, cost[live], BLOCK)
        solution = _solve(problem, blocks, deadline, gap, workers, progress, began)
        suppressed[cells] = _without_known(problem, solution.pattern, 1.0 if least > 0 else 1e-6)
        bound += solution.bound
    secondary = np.zeros(len(value), dtype=bool)
    secondary[live] = suppressed
    secondary &= ~primary
    missed = np.zeros(len(value), dtype=bool)
    missed[live[hopeless]] = True
    return Pattern(
        primary,
        secondary,
        float(cost[secondary].sum()),
        bound,
        missed,
        time.monotonic() - began,
        tuple(progress),
    )


def _without_known(problem: Problem, pattern: np.ndarray, unit: float) -> np.ndarray:
    """Return ``pattern`` less secondary cells that anyone can compute: leaving those out hides nothing."""
    equations, down, primary, need = problem.equations, problem.down, problem.primary, problem.need
    for cell in np.flatnonzero(settled(equations, down, pattern, primary, unit)):
        trial = pattern.copy()
        trial[cell] = False
        if not unprotected(equations, down, trial, primary, need).any():
            pattern = trial
    return pattern


def _merged(blocks: list[np.ndarray], cells: np.ndarray, cost: np.ndarray, limit: int) -> list[np.ndarray]:
    """Return groups of ``cells`` (positions among them): blocks joined, where they share the cheapest cells
    first, as long as a group has at most ``limit`` cells."""
    place = np.full(len(cost), -1)
    place[cells] = np.arange(len(cells))
    inner = [np.unique(place[block[block >= 0]]) for block in blocks]
    inner = [block[block >= 0] for block in inner]
    inner = [block for block in inner if len(block)]
    if not inner or len(cells) <= limit:
        return [np.arange(len(cells))]
    member = sparse.csr_array(
        (
            np.ones(sum(map(len, inner))),
            (np.repeat(np.arange(len(inner)), [len(block) for block in inner]), np.concatenate(inner)),
        ),
        shape=(len(inner), len(cells)),
    )
    shared = sparse.triu(member @ member.T, k=1).tocoo()
    price_ = sparse.triu((member * cost[cells]) @ member.T, k=1).tocoo()
    order = np.argsort(price_.data / shared.data, kind="stable")
    leader = np.arange(len(inner))
    groups = dict(enumerate(inner))
    for one, other in zip(shared.row[order], shared.col[order], strict=True):
        first, second = leader[one], leader[other]
        if first != second:
            union = np.union1d(groups[first], groups[second])
            if len(union) <= limit:
                groups[first] = union
                del groups[second]
                leader[leader == second] = first
    return list(groups.values())


def _solve(
    problem: Problem,
    blocks: list[np.ndarray],
    deadline: float,
    gap: float,
    workers: int,
    progress: list[str],
    began: float,
) -> Solution:
    """Solve one connected table: its blocks each for itself, then all together with the blocks' cuts."""
    if len(blocks) == 1:
        return protect(problem, deadline=deadline, gap=gap)
    times = np.bincount(np.concatenate(blocks), minlength=len(problem.cost))
    parts = [(block, problem.part(block)) for block in blocks]
    parts = [(block, part) for block, part in parts if len(part.primary)]
    parts.sort(key=lambda pair: -len(pair[1].primary))
    now = time.monotonic()
    last = now + 0.8 * (deadline - now)
    cells = sum(len(part.primary) for _, part in parts)
    # A hard block may take more than its share of the time, but not all of it.
    shares = [2.0 * workers * (last - now) * len(part.primary) / cells for _, part in parts]
    arguments = [
        (part, times[block] > 1, last, seconds, gap)
        for (block, part), seconds in zip(parts, shares, strict=True)
    ]
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
            solutions = list(pool.map(_protect, arguments, chunksize=1))
    else:
        solutions = [_protect(argument) for argument in arguments]
    pattern = np.zeros(len(problem.cost), dtype=bool)
    pattern[problem.primary] = True
    bound = 0.0
    counted = np.zeros(len(problem.cost), dtype=bool)
    for (block, _), solution in zip(parts, solutions, strict=True):
        pattern[block] |= solution.pattern
        # Any pattern protects within each block, and blocks that share no cell pay for different cells.
        if not counted[block].any():
            bound += solution.bound
            counted[block] = True
    progress.append(
        f"{len(parts)} blocks: value {price(problem, pattern):g}, bound {bound:g} "
        f"at {time.monotonic() - began:.1f} s"
    )
    open_ = unprotected(problem.equations, problem.down, pattern, problem.primary, problem.need)
    if open_.any():
        repair = Repair(problem.equations, problem.down, problem.cost, problem.barred)
        pattern = mend(problem, pattern, open_, repair)
    progress.append(
        f"{int(open_.sum())} cells protected across blocks: value {price(problem, pattern):g} "
        f"at {time.monotonic() - began:.1f} s"
    )
    return Solution(pattern, price(problem, pattern), bound, solutions[0].cuts)


def _protect(argument: tuple[Problem, np.ndarray, float, float, float]) -> Solution:
    """Solve one block. Its bound is that of the block with its ``edge`` (cells that other blocks share) free
    to deviate; its pattern, where that is possible, one that does not need the edge, for whatever deviates
    there has to be made good in other blocks."""
    problem, edge, last, seconds, gap = argument
    deadline = min(last, time.monotonic() + seconds)
    solution = protect(problem, deadline=deadline, gap=gap)
    barred = problem.barred | edge
    barred[problem.primary] = False
    if not (solution.pattern & barred).any():
        return solution
    closed = replace(problem, barred=barred)
    if unprotected(closed.equations, closed.down, ~barred, closed.primary, closed.need).any():
        return solution
    cuts = Cuts(closed)
    for columns, values in solution.cuts.rows:
        keep = ~barred[columns]
        cuts.put(columns[keep], values[keep])
    deadline = min(last, time.monotonic() + seconds / 2)
    within = protect(closed, deadline=deadline, gap=gap, cuts=cuts, start=solution.pattern & ~barred)
    return replace(within, bound=solution.bound)
