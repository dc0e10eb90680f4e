"""Make a pattern protecting at little cost, and take out of it what protects nothing."""

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import SMALL, Attack, load, solver
from statloom.disclosure.tables import parts_of


class Repair:
    """Adds cells until every primary cell is protected: the cheapest deviation for one after the other."""

    def __init__(
        self, equations: sparse.csr_array, down: np.ndarray, cost: np.ndarray, barred: np.ndarray
    ) -> None:
        """``barred`` cells may never be suppressed."""
        self.cost = np.where(barred, 0.0, cost)
        self._open = ~barred
        self._down = np.where(barred, 0.0, down)
        self._highs = solver(presolve="off")
        count = len(cost)
        self._index = np.arange(2 * count, dtype=np.int32)
        upper = np.concatenate([np.where(barred, 0.0, np.inf), self._down])
        zeros = np.zeros(equations.shape[0])
        both = sparse.csr_array(sparse.hstack([equations, -equations]))
        load(self._highs, np.zeros(2 * count), np.zeros(2 * count), upper, both, zeros, zeros)

    def add(self, pattern: np.ndarray, cell: int, need: float) -> np.ndarray | None:
        """Return ``pattern`` with the cells added that let ``cell`` rise by ``need``; none if nothing can."""
        import highspy

        count = len(self.cost)
        price = np.where(pattern, 1e-6, self.cost + 1e-6)
        # A unit of a cell's fall counts by what the cell can give: a full use pays the full price.
        fall = price / np.clip(self._down, 1e-9, need) if need else price
        rise = price / need
        fall[self._down <= 0] = 0.0
        self._highs.changeColsCost(2 * count, self._index, np.concatenate([rise, fall]))
        self._highs.changeColBounds(int(cell), need, need)
        self._highs.changeColBounds(int(cell + count), 0.0, 0.0)
        self._highs.run()
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            self._highs.clearSolver()
            self._highs.run()
        found = self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        value = np.array(self._highs.getSolution().col_value)
        self._highs.changeColBounds(int(cell), 0.0, np.inf)
        self._highs.changeColBounds(int(cell + count), 0.0, float(self._down[cell]))
        return pattern | (np.abs(value[:count] - value[count:]) > SMALL) if found else None


def thin(
    equations: sparse.csr_array,
    down: np.ndarray,
    cost: np.ndarray,
    pattern: np.ndarray,
    primary: np.ndarray,
    need: np.ndarray,
    candidates: np.ndarray,
) -> np.ndarray:
    """Return ``pattern`` without those ``candidates`` (positions) that no primary cell needs, dearest
    first."""
    columns = np.flatnonzero(pattern)
    rows = sparse.csr_array(equations[:, columns])
    rows = sparse.csr_array(rows[np.diff(rows.indptr) > 0])
    attack = Attack(rows, down[columns])
    share = np.ones(len(columns))
    attack.suppress(share)
    at = np.searchsorted(columns, primary)
    if not len(candidates):
        return pattern
    witness = np.array([attack.rise(int(cell), amount)[1] for cell, amount in zip(at, need, strict=True)])
    uses = np.abs(witness) > SMALL
    for cell in candidates[np.argsort(-cost[candidates], kind="stable")]:
        position = np.searchsorted(columns, cell)
        share[position] = 0.0
        attack.suppress(share)
        found = []
        for which in np.flatnonzero(uses[:, position]):
            rise, deviation, _ = attack.rise(int(at[which]), need[which])
            if rise < need[which] - 1e-6:
                share[position] = 1.0
                break
            found.append((which, deviation))
        else:
            for which, deviation in found:
                uses[which] = np.abs(deviation) > SMALL
    result = pattern.copy()
    result[columns] = share > 0
    return result


def settled(
    equations: sparse.csr_array, down: np.ndarray, pattern: np.ndarray, primary: np.ndarray, unit: float
) -> np.ndarray:
    """Return which secondary cells of ``pattern`` (true) cannot move by ``unit``: anyone can compute them."""
    columns = np.flatnonzero(pattern)
    inner = sparse.csr_array(equations[:, columns])
    part = parts_of(inner)
    by_column = sparse.csc_array(inner)
    known = np.zeros(len(pattern), dtype=bool)
    order = np.argsort(part, kind="stable")
    for inside in np.split(order, np.flatnonzero(np.diff(part[order])) + 1) if len(columns) else []:
        rows = sparse.csr_array(by_column[:, inside])
        attack = Attack(sparse.csr_array(rows[np.diff(rows.indptr) > 0]), down[columns[inside]])
        attack.suppress(np.ones(len(inside)))
        moved = np.isin(columns[inside], primary)
        for cell in range(len(inside)):
            if not moved[cell]:
                deviation = attack.moves(cell, unit)
                moved |= np.abs(deviation) >= unit - 1e-6
                known[columns[inside[cell]]] = not moved[cell]
    return known
