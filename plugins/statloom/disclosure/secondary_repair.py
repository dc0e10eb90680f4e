"""Make a pattern protecting at little cost, and take out of it what protects nothing."""

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import (
    DOWN,
    MET,
    SMALL,
    UP,
    Attack,
    Demands,
    Problem,
    load,
    solver,
)


class Repair:
    """Adds cells until every demand is met: the cheapest deviation for one after the other."""

    def __init__(self, problem: Problem) -> None:
        barred = problem.barred
        self._cost = np.where(barred, 0.0, problem.cost)
        self._down = np.where(barred, 0.0, problem.down)
        self._up = np.where(barred, 0.0, np.inf)
        self._highs = solver(presolve="off")
        count = len(self._cost)
        self._index = np.arange(2 * count, dtype=np.int32)
        zeros = np.zeros(problem.equations.shape[0])
        both = sparse.csr_array(sparse.hstack([problem.equations, -problem.equations]))
        upper = np.concatenate([self._up, self._down])
        load(self._highs, np.zeros(2 * count), np.zeros(2 * count), upper, both, zeros, zeros)

    def add(self, pattern: np.ndarray, cell: int, sign: int, need: float) -> np.ndarray | None:
        """Return ``pattern`` with the cells added that let ``cell`` deviate by ``need``; none if nothing
        can."""
        import highspy

        count, cell = len(self._cost), int(cell)
        price = np.where(pattern, 1e-6, self._cost + 1e-6)
        # A unit of a cell's fall counts by what the cell can give: a full use pays the full price.
        fall = price / np.clip(self._down, 1e-9, need)
        fall[self._down <= 0] = 0.0
        self._highs.changeColsCost(2 * count, self._index, np.concatenate([price / need, fall]))
        moved, fixed = (cell, cell + count) if sign >= 0 else (cell + count, cell)
        self._highs.changeColBounds(moved, need, need)
        self._highs.changeColBounds(fixed, 0.0, 0.0)
        self._highs.run()
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            self._highs.clearSolver()
            self._highs.run()
        found = self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        value = np.array(self._highs.getSolution().col_value)
        self._highs.changeColBounds(cell, 0.0, float(self._up[cell]))
        self._highs.changeColBounds(cell + count, 0.0, float(self._down[cell]))
        return pattern | (np.abs(value[:count] - value[count:]) > SMALL) if found else None


def accompanied(problem: Problem, pattern: np.ndarray) -> np.ndarray:
    """Return ``pattern`` without the secondary cells that are alone in a sum, one after the other: these are
    known to anyone and protect nothing."""
    present = abs(problem.equations)
    while True:
        alone = (present @ pattern.astype(float) == 1).astype(float)
        needless = pattern & ~problem.given & (present.T @ alone > 0)
        if not needless.any():
            return pattern
        pattern = pattern & ~needless


def near(problem: Problem, pattern: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Return the secondary cells of ``pattern`` that share a sum with ``added`` ones: these may have become
    needless."""
    present = abs(problem.equations)
    touched = (present @ added.astype(float) > 0).astype(float)
    return pattern & ~problem.given & (present.T @ touched > 0)


def settled(problem: Problem, pattern: np.ndarray, unit: float) -> np.ndarray:
    """Return which suppressed cells of ``pattern`` beyond the given ones (true) cannot move by ``unit``:
    anyone can compute them."""
    columns = np.flatnonzero(pattern)
    known = np.zeros(len(pattern), dtype=bool)
    asked = columns[~problem.given[columns]]
    if not len(asked):
        return known
    inner, place = problem.among(columns)
    attack = Attack(inner, problem.down[columns])
    attack.suppress(np.ones(len(columns)))
    moved = np.zeros(len(columns), dtype=bool)
    for sign in (UP, DOWN):
        left = place[asked[~moved[place[asked]]]]
        demands = Demands(attack, left, np.full(len(left), sign), np.full(len(left), unit))
        for _, deviation in demands.many(np.arange(len(left)))[0]:
            moved |= np.abs(deviation) >= unit * MET
    for cell in asked:
        if not moved[place[cell]]:
            moved |= np.abs(attack.moves(int(place[cell]), unit)) >= unit * MET
            known[cell] = not moved[place[cell]]
    return known
