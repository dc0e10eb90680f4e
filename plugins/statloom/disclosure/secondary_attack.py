"""The attacker whom the protector reckons with: how far can a cell be from its value, given what is
published?

Deviations ``d`` from the true values keep every sum (``equations @ d = 0``). A published cell cannot deviate;
a suppressed one can rise without limit and fall to the least value that the public knows it to have.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from statloom.disclosure.tables import parts_of, within

SMALL = 1e-7
MET = 1.0 - 1e-6  # share of a demand from which on it counts as met

UP, DOWN, EITHER = 1, -1, 0


@dataclass
class Problem:
    """Cells (columns of ``equations``) and what is demanded of a pattern of suppressed ones.

    ``down``: how far each cell can fall when suppressed; ``cost`` of suppressing it; ``barred``: may never
    be; ``given``: is in any case. Demand ``k``: cell ``cell[k]`` must be able to deviate by ``need[k]``, up,
    down or (``EITHER``) in both directions together, as ``sign[k]`` says.
    """

    equations: sparse.csr_array
    down: np.ndarray
    cost: np.ndarray
    barred: np.ndarray
    given: np.ndarray
    cell: np.ndarray
    sign: np.ndarray
    need: np.ndarray

    @cached_property
    def present(self) -> sparse.csr_array:
        """Which cells stand in which equation, as ones."""
        return abs(self.equations).sign()

    def asking(self, which: np.ndarray) -> "Problem":
        """Return the problem with the demands ``which`` (mask) alone."""
        return replace(self, cell=self.cell[which], sign=self.sign[which], need=self.need[which])

    def part(self, cells: np.ndarray) -> "Problem":
        """Return the problem of ``cells`` (positions) alone, with the equations that lie wholly among them:
        what protects in the whole protects here too."""
        inside = np.zeros(len(self.cost))
        inside[cells] = 1.0
        present = abs(self.equations)
        size = present.sum(axis=1)
        rows = np.flatnonzero((present @ inside == size) & (size > 0))
        place = np.full(len(self.cost), -1)
        place[cells] = np.arange(len(cells))
        asked = np.flatnonzero(inside[self.cell])
        return Problem(
            sparse.csr_array(self.equations[rows][:, cells]),
            self.down[cells],
            self.cost[cells],
            self.barred[cells],
            self.given[cells],
            place[self.cell[asked]],
            self.sign[asked],
            self.need[asked],
        )

    def price(self, pattern: np.ndarray) -> float:
        """Return what ``pattern`` costs beyond the given cells."""
        return float(self.cost[pattern & ~self.given].sum())

    def among(self, columns: np.ndarray) -> tuple[sparse.csr_array, np.ndarray]:
        """Return the equations of ``columns`` alone, as if all other cells were published, and each cell's
        place among the columns (-1: none)."""
        place = np.full(len(self.cost), -1)
        place[columns] = np.arange(len(columns))
        return within(self.equations, columns), place


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

    def publish(self, cell: int, *, back: bool = False) -> None:
        """Publish one cell; with ``back`` suppress it again."""
        self.upper[cell], self.lower[cell] = (np.inf, -self.down[cell]) if back else (0.0, 0.0)
        self._highs.changeColBounds(cell, self.lower[cell], self.upper[cell])

    def reach(self, cell: int, sign: int, need: float) -> tuple[float, np.ndarray, np.ndarray]:
        """Return how far ``cell`` can move up or down (``sign``; at most ``need``), all deviations, and the
        reduced costs."""
        highs = self._highs
        lower, upper = self.lower[cell], self.upper[cell]
        if sign > 0:
            highs.changeColBounds(cell, lower, min(need, upper))
        else:
            highs.changeColBounds(cell, max(-need, lower), upper)
        highs.changeColCost(cell, float(sign))
        self._run()
        solution = highs.getSolution()
        deviation, reduced = np.array(solution.col_value), np.array(solution.col_dual)
        highs.changeColCost(cell, 0.0)
        highs.changeColBounds(cell, lower, upper)
        return sign * deviation[cell], deviation, reduced

    def together(self, cells: np.ndarray, signs: np.ndarray, needs: np.ndarray) -> np.ndarray:
        """Return deviations under which as many of the ``cells`` as one programme finds meet their demands;
        demands of both directions count as ones to rise."""
        cells, first = np.unique(cells, return_index=True)
        signs, needs = np.where(signs[first] < 0, -1.0, 1.0), needs[first]
        lower, upper = self.lower[cells], self.upper[cells]
        index = cells.astype(np.int32)
        self._highs.changeColsBounds(
            len(cells),
            index,
            np.where(signs < 0, np.maximum(lower, -needs), lower),
            np.where(signs > 0, np.minimum(upper, needs), upper),
        )
        self._highs.changeColsCost(len(cells), index, signs / needs)
        self._run()
        deviation = np.array(self._highs.getSolution().col_value)
        self._highs.changeColsCost(len(cells), index, np.zeros(len(cells)))
        self._highs.changeColsBounds(len(cells), index, lower, upper)
        return deviation

    def moves(self, cell: int, by: float) -> np.ndarray:
        """Return the deviations in which ``cell`` moves furthest, up or down, at most ``by``."""
        found = [self.reach(cell, sign, by)[1] for sign in (UP, DOWN)]
        return max(found, key=lambda deviation: abs(deviation[cell]))

    def _run(self) -> None:
        self._highs.run()
        if self._highs.getModelStatus() != self._optimal:  # a warm basis can go stale: once more from nothing
            self._highs.clearSolver()
            self._highs.run()


class Demands:
    """Demands put to an attack on (part of) a problem's cells."""

    def __init__(self, attack: Attack, cell: np.ndarray, sign: np.ndarray, need: np.ndarray) -> None:
        """``cell`` are positions among the attack's cells."""
        self.attack, self.cell, self.sign, self.need = attack, cell, sign, need

    def many(
        self, asked: np.ndarray, level: float = MET
    ) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
        """Look for deviations under which many of the ``asked`` demands are met at once to at least
        ``level``: return those met with the deviations, and those left."""
        found = []
        while len(asked) > 2:
            deviation = self.attack.together(self.cell[asked], self.sign[asked], self.need[asked])
            amount = deviation[self.cell[asked]]
            met = np.where(self.sign[asked] < 0, -amount, amount) >= self.need[asked] * level
            found.append((asked[met], deviation))
            asked = asked[~met]
            if met.sum() < max(2, 0.15 * len(asked)):
                break
        return found, asked

    def one(self, which: int) -> tuple[float, np.ndarray, list[np.ndarray]]:
        """Return the share of one demand that can be met, which cells it moves, and the reduced costs of the
        programmes asked."""
        cell, sign, need = int(self.cell[which]), int(self.sign[which]), float(self.need[which])
        amount, deviation, reduced = self.attack.reach(cell, sign or UP, need)
        if sign or amount >= need * MET:
            return amount / need, np.abs(deviation) > SMALL, [reduced]
        more, other, other_reduced = self.attack.reach(cell, DOWN, need)
        return (amount + more) / need, np.abs(deviation) + np.abs(other) > SMALL, [reduced, other_reduced]


def cut(reduced: list[np.ndarray], cell: int, need: float, down: np.ndarray) -> np.ndarray:
    """Return the coefficients of ``sum(coefficient * suppressed) >= 1`` that a demand on ``cell`` makes.

    From the dual of the attacker's programme: under every pattern the deviation of ``cell`` is at most the
    sum of the suppressed cells' capacities weighted by the reduced costs, so that sum must reach ``need``
    (Fischetti and Salazar 2001). As a cell is suppressed or not, no coefficient needs to exceed the
    right-hand side. The cell itself counts with how far it can fall, where that is what holds it.
    """
    weight = np.zeros(len(down))
    for costs in reduced:
        weight[costs > SMALL] = np.inf
        weight[cell] = 0.0 if np.isinf(weight[cell]) else weight[cell]
        falls = costs < -SMALL
        weight[falls] -= costs[falls] * down[falls]
    return np.minimum(weight / need, 1.0)


def unmet(problem: Problem, pattern: np.ndarray) -> np.ndarray:
    """Return which demands (true) ``pattern`` does not meet."""
    columns = np.flatnonzero(pattern)
    open_ = np.zeros(len(problem.cell), dtype=bool)
    if not len(problem.cell):
        return open_
    inner, place = problem.among(columns)
    attack = Attack(inner, problem.down[columns])
    attack.suppress(np.ones(len(columns)))
    asked = Demands(attack, place[problem.cell], problem.sign, problem.need)
    _, left = asked.many(np.arange(len(problem.cell)))
    if len(left) > 50 and len(columns) > 1000:
        # Single questions are cheaper within the connected part of the suppressed cells that they stand in.
        part = parts_of(inner)
        for number in np.unique(part[place[problem.cell[left]]]):
            inside = columns[part == number]
            piece, within = problem.among(inside)
            attack = Attack(piece, problem.down[inside])
            attack.suppress(np.ones(len(inside)))
            asked = Demands(attack, within[problem.cell], problem.sign, problem.need)
            for which in left[part[place[problem.cell[left]]] == number]:
                open_[which] = asked.one(which)[0] < MET
    else:
        for which in left:
            open_[which] = asked.one(which)[0] < MET
    return open_
