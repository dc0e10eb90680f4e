"""A protecting pattern in little time: each demand is met within a small region, as if all around were known.

What moves within a region while everything around it stands still moves in the whole too, so patterns of
regions add up to one of the whole. What it costs more than the best is found out by those who improve it.
"""

from collections.abc import Callable

import numpy as np

from statloom.disclosure.secondary_attack import DOWN, UP, Attack, Demands, Problem, unmet
from statloom.disclosure.secondary_repair import Repair
from statloom.disclosure.secondary_thin import thin

BALL = 600  # cells of the first region that is tried around a cell whose block cannot protect it
WIDER = 5  # times as many cells in the next one


def quick(
    problem: Problem, levels: list[list[np.ndarray]], start: np.ndarray, *, until: float, run: Callable = map
) -> np.ndarray:
    """Return ``start`` with cells added until all demands are met that suppressing everything would meet.

    ``levels`` are lists of regions to begin with, small ones first; what these cannot protect is looked for
    around each cell, wider and wider. Needless cells are taken out of what was added ``until`` then
    (``time.monotonic``). ``run`` applies a function to each of a list, as ``map``.
    """
    pattern = start | problem.given
    left = unmet(problem, pattern) if start.any() else np.ones(len(problem.cell), dtype=bool)
    for regions in levels:
        tasks = [_region(problem, region, pattern, left, until) for region in regions]
        tasks = [task for task in tasks if len(task[2])]
        for (cells, _, asked, _), (found, met) in zip(tasks, run(_cover, tasks), strict=True):
            pattern[cells] |= found
            left[asked[met]] = False
    if levels and left.any():
        left &= unmet(problem, pattern)
    size = BALL
    while left.any():
        whole = size >= len(problem.cost)
        again = np.zeros(len(left), dtype=bool)
        while left.any():
            first = int(np.flatnonzero(left)[0])
            cells = np.arange(len(pattern)) if whole else around(problem, int(problem.cell[first]), size)
            task = _region(problem, cells, pattern, left, until)
            found, met = _cover(task)
            pattern[task[0]] |= found
            # What this region cannot protect is looked for in a wider one next.
            again[first] = True
            again[task[2]] = ~met
            left[first] = False
            left[task[2]] = False
            if whole:
                return pattern
        left, size = again, size * WIDER
    return pattern


def around(problem: Problem, cell: int, size: int) -> np.ndarray:
    """Return the cells that sums link to ``cell``, nearest first by whole steps, until there are ``size``."""
    present = problem.present
    reached = np.zeros(len(problem.cost), dtype=bool)
    reached[cell] = True
    while True:
        rows = present @ reached.astype(float) > 0
        wider = present.T @ rows.astype(float) > 0
        if wider.sum() == reached.sum():
            return np.flatnonzero(reached)
        reached = wider
        if reached.sum() >= size:
            return np.flatnonzero(reached)


def _region(
    problem: Problem, cells: np.ndarray, pattern: np.ndarray, left: np.ndarray, until: float
) -> tuple[np.ndarray, Problem, np.ndarray, float]:
    """Return those of ``cells`` that can move while all others stand still, the problem that they are with
    ``pattern`` as given, which of the demands ``left`` stand in it (positions), and ``until``."""
    may = np.zeros(len(problem.cost), dtype=bool)
    may[cells] = ~problem.barred[cells]
    rows = problem.present
    while True:
        alone = rows @ may.astype(float) == 1
        fixed = may & (rows.T @ alone.astype(float) > 0)
        if not fixed.any():
            break
        may &= ~fixed
    cells = np.flatnonzero(may)
    inner, place = problem.among(cells)
    asked = np.flatnonzero(left & may[problem.cell])
    piece = Problem(
        inner,
        problem.down[cells],
        problem.cost[cells],
        np.zeros(len(cells), dtype=bool),
        pattern[cells],
        place[problem.cell[asked]],
        problem.sign[asked],
        problem.need[asked],
    )
    return cells, piece, asked, until


def _cover(task: tuple[np.ndarray, Problem, np.ndarray, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return a pattern that meets the demands of a region that can be met there, and which are (true)."""
    _, problem, asked, until = task
    met = np.ones(len(asked), dtype=bool)
    left = np.flatnonzero(unmet(problem, problem.given))
    if not len(left):
        return problem.given, met
    pattern, repair = problem.given.copy(), Repair(problem)
    while len(left):
        batch = left[: max(4, len(left) // 4)]
        for which in batch:
            cell, sign, need = int(problem.cell[which]), int(problem.sign[which]), float(problem.need[which])
            found = repair.add(pattern, cell, sign or UP, need)
            if found is None and sign == 0:
                found = repair.add(pattern, cell, DOWN, need)
            if found is None:
                met[which] = False
            else:
                pattern = found
        left = left[len(batch) :]
        if len(left):
            left = left[_unmet(problem, pattern, left)]
    return thin(problem.asking(met), pattern, pattern & ~problem.given, until=until), met


def _unmet(problem: Problem, pattern: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return which of the demands ``asked`` ``pattern`` does not meet, as far as few programmes tell."""
    columns = np.flatnonzero(pattern)
    inner, place = problem.among(columns)
    attack = Attack(inner, problem.down[columns])
    attack.suppress(np.ones(len(columns)))
    demands = Demands(attack, place[problem.cell], problem.sign, problem.need)
    return np.isin(asked, demands.many(asked)[1])
