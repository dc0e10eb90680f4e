"""The attacker whom the protector reckons with: how far can a cell be from its value, given what is
published?

Deviations ``d`` from the true values keep every sum (``equations @ d = 0``). A published cell cannot deviate;
a suppressed one can rise without limit and fall to the least value that the public knows it to have.
"""

import numpy as np
from scipy import sparse

from statloom.disclosure.tables import parts_of

SMALL = 1e-7
BREATH = 1e-3


def solver(**options: object):
    """Return a silent HiGHS on one thread with further ``options``."""
    import highspy

    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    for name, value in options.items():
        highs.setOptionValue(name, value)
    return highs


def load(highs, cost, lower, upper, rows: sparse.csr_array, low, high) -> None:
    """Give HiGHS the programme ``min cost @ x``, ``lower <= x <= upper``, ``low <= rows @ x <= high``."""
    import highspy

    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(cost), rows.shape[0]
    model.col_cost_, model.col_lower_, model.col_upper_ = cost, lower, upper
    model.row_lower_, model.row_upper_ = low, high
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = rows.indptr.astype(np.int32)
    model.a_matrix_.index_ = rows.indices.astype(np.int32)
    model.a_matrix_.value_ = rows.data.astype(float)
    highs.passModel(model)


class Attack:
    """The attacker's linear programme on one set of cells, kept warm from question to question."""

    def __init__(self, equations: sparse.csr_array, down: np.ndarray) -> None:
        """``equations`` over the cells; ``down``: how far each cell could fall if it were suppressed."""
        import highspy

        self.down = down
        self._index = np.arange(len(down), dtype=np.int32)
        # Only the objective changes between questions, so the last basis stays feasible: primal simplex.
        self._highs = solver(presolve="off", simplex_strategy=4)
        zero, zeros = np.zeros(len(down)), np.zeros(equations.shape[0])
        load(self._highs, zero, zero, zero, equations, zeros, zeros)
        self._highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
        self._optimal = highspy.HighsModelStatus.kOptimal

    def suppress(self, share: np.ndarray, scale: float = 0.0) -> None:
        """Suppress each cell by its ``share``, 0 to 1; a share below 1 is one of deviations up to
        ``scale``."""
        whole = share > 1 - SMALL
        self.upper = np.where(whole, np.inf, share * scale)
        self.lower = -np.where(whole, self.down, np.minimum(self.down, scale) * share)
        self._highs.changeColsBounds(len(self.down), self._index, self.lower, self.upper)

    def rise(self, cell: int, need: float) -> tuple[float, np.ndarray, np.ndarray]:
        """Return how far ``cell`` can rise (at most ``need``), all deviations, and the reduced costs."""
        highs = self._highs
        highs.changeColBounds(cell, self.lower[cell], min(need, self.upper[cell]))
        highs.changeColCost(cell, 1.0)
        highs.run()
        if highs.getModelStatus() != self._optimal:  # a warm basis can go stale: once more from nothing
            highs.clearSolver()
            highs.run()
        solution = highs.getSolution()
        deviation, reduced = np.array(solution.col_value), np.array(solution.col_dual)
        highs.changeColCost(cell, 0.0)
        highs.changeColBounds(cell, self.lower[cell], self.upper[cell])
        return deviation[cell], deviation, reduced

    def moves(self, cell: int, by: float) -> np.ndarray:
        """Return the deviations in which ``cell`` moves furthest, up or down, at most ``by``."""
        highs, found = self._highs, []
        highs.changeColBounds(cell, max(-by, self.lower[cell]), min(by, self.upper[cell]))
        for sign in (1.0, -1.0):
            highs.changeColCost(cell, sign)
            highs.run()
            found.append(np.array(highs.getSolution().col_value))
        highs.changeColCost(cell, 0.0)
        highs.changeColBounds(cell, self.lower[cell], self.upper[cell])
        return max(found, key=lambda deviation: abs(deviation[cell]))


def cut(reduced: np.ndarray, cell: int, need: float, down: np.ndarray) -> np.ndarray:
    """Return the coefficients of ``sum(coefficient * suppressed) >= 1`` that protection of ``cell`` demands.

    From the dual of the attacker's programme: under every pattern the rise of ``cell`` is at most the sum of
    the suppressed cells' capacities weighted by the reduced costs, so that sum must reach ``need`` (Fischetti
    and Salazar 2001). As a cell is suppressed or not, no coefficient needs to exceed the right-hand side.
    """
    weight = np.zeros(len(down))
    weight[reduced > SMALL] = np.inf
    falls = reduced < -SMALL
    weight[falls] = -reduced[falls] * down[falls]
    weight[cell] = 0.0
    return np.minimum(weight / need, 1.0)


def unprotected(
    equations: sparse.csr_array, down: np.ndarray, pattern: np.ndarray, primary: np.ndarray, need: np.ndarray
) -> np.ndarray:
    """Return which primary cells (true; in the order of ``primary``) cannot rise by ``need`` under
    ``pattern``.

    Each connected part of the suppressed cells is solved for itself.
    """
    columns = np.flatnonzero(pattern)
    inner = sparse.csr_array(equations[:, columns])
    part = parts_of(inner)
    place = np.full(len(pattern), -1)
    place[columns] = np.arange(len(columns))
    at = place[primary]
    open_ = np.zeros(len(primary), dtype=bool)
    by_part = sparse.csc_array(inner)
    order = np.argsort(part[at], kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(part[at][order])) + 1) if len(primary) else []:
        inside = np.flatnonzero(part == part[at[group[0]]])
        rows = sparse.csr_array(by_part[:, inside])
        rows = sparse.csr_array(rows[np.diff(rows.indptr) > 0])
        attack = Attack(rows, down[columns[inside]])
        attack.suppress(np.ones(len(inside)))
        reached = np.zeros(len(inside))
        for position in group:
            cell = int(np.searchsorted(inside, at[position]))
            if reached[cell] < need[position] - SMALL:
                rise, deviation, _ = attack.rise(cell, need[position])
                reached = np.maximum(reached, deviation)
                open_[position] = rise < need[position] - 1e-6
    return open_
