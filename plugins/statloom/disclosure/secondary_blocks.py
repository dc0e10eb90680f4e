"""The cheapest protecting pattern of a set of cells, by Benders cuts from the attacker's programmes.

The master chooses the cells by covering cuts alone. A pattern that leaves a primary cell open yields the cut
that it violates; when none is violated, the pattern is the optimum (Fischetti and Salazar 2001). A pattern
with open cells is repaired, so that there is an answer at any time and the loop ends once it is within the
gap.
"""

import time
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import BREATH, SMALL, Attack, cut, load, solver, unprotected
from statloom.disclosure.secondary_repair import Repair, thin


@dataclass
class Problem:
    """A set of cells: their ``equations``, how far each can fall (``down``) and what it costs to suppress
    (``cost``), which may never be (``barred``), the primary ones (positions) and how far each of these must
    be able to rise (``need``)."""

    equations: sparse.csr_array
    down: np.ndarray
    cost: np.ndarray
    barred: np.ndarray
    primary: np.ndarray
    need: np.ndarray

    def part(self, cells: np.ndarray) -> "Problem":
        """Return the problem of ``cells`` (positions) alone, with the equations that lie wholly among
        them."""
        inside = np.zeros(len(self.cost))
        inside[cells] = 1.0
        present = (self.equations != 0).astype(float)
        size = present.sum(axis=1)
        rows = np.flatnonzero((present @ inside == size) & (size > 0))
        chosen = np.flatnonzero(inside[self.primary])
        place = np.full(len(self.cost), -1)
        place[cells] = np.arange(len(cells))
        return Problem(
            sparse.csr_array(self.equations[rows][:, cells]),
            self.down[cells],
            self.cost[cells],
            self.barred[cells],
            place[self.primary[chosen]],
            self.need[chosen],
        )


class Cuts:
    """Covering cuts over the cells that may be suppressed beside the primary ones."""

    def __init__(self, problem: Problem) -> None:
        self.given = problem.barred.copy()
        self.given[problem.primary] = True
        self._primary = np.zeros(len(self.given), dtype=bool)
        self._primary[problem.primary] = True
        self.rows: list[tuple[np.ndarray, np.ndarray]] = []
        self._seen: set[bytes] = set()

    def add(self, coefficients: np.ndarray) -> bool:
        """Add a cut, after moving the primary cells' share to the right-hand side; say whether it is new."""
        rest = 1.0 - coefficients[self._primary].sum()
        if rest <= 1e-6:
            return False
        row = np.where(self.given, 0.0, np.minimum(coefficients / rest, 1.0))
        columns = np.flatnonzero(row > 1e-6)
        return self.put(columns, np.ceil(row[columns] * 1e6) / 1e6)

    def put(self, columns: np.ndarray, values: np.ndarray) -> bool:
        """Add the cut ``values @ y[columns] >= 1``; say whether it is new."""
        key = columns.tobytes() + values.tobytes()
        if not len(columns) or key in self._seen:
            return False
        self._seen.add(key)
        self.rows.append((columns.astype(np.int32), values))
        return True

    def seed(self, problem: Problem) -> None:
        """Add what single sums demand: a primary cell needs others in its sum to move with or against it."""
        by_cell = sparse.csc_array(problem.equations)
        for cell, need in zip(problem.primary, problem.need, strict=True):
            for row in by_cell.indices[by_cell.indptr[cell] : by_cell.indptr[cell + 1]]:
                span = slice(problem.equations.indptr[row], problem.equations.indptr[row + 1])
                columns, signs = problem.equations.indices[span], problem.equations.data[span]
                reduced = np.zeros(len(problem.cost))
                reduced[columns] = -signs / signs[columns == cell][0]
                self.add(cut(reduced, cell, need, problem.down))


class Master:
    """The covering problem of the cuts, as a linear programme that grows and as an integer programme."""

    def __init__(self, cost: np.ndarray, cuts: Cuts) -> None:
        self.cuts, self._loaded, self._count = cuts, 0, len(cost)
        self._highs = solver()
        upper = np.where(cuts.given, 0.0, 1.0)
        empty = sparse.csr_array((0, len(cost)))
        load(
            self._highs,
            np.where(cuts.given, 0.0, cost),
            np.zeros(len(cost)),
            upper,
            empty,
            np.zeros(0),
            np.zeros(0),
        )

    def extend(self) -> None:
        """Take over the cuts that have been found since the last call."""
        new = self.cuts.rows[self._loaded :]
        if new:
            starts = np.cumsum([0] + [len(columns) for columns, _ in new])
            columns = np.concatenate([columns for columns, _ in new])
            values = np.concatenate([values for _, values in new])
            many = len(new)
            self._highs.addRows(
                many,
                np.ones(many),
                np.full(many, np.inf),
                len(values),
                starts[:-1].astype(np.int32),
                columns,
                values,
            )
            self._loaded += many

    def relaxed(self) -> tuple[np.ndarray, float]:
        """Return the shares and the cost of the linear relaxation."""
        self.extend()
        self._highs.run()
        return np.array(self._highs.getSolution().col_value), self._highs.getInfo().objective_function_value

    def whole(
        self, *, gap: float, seconds: float, start: np.ndarray | None
    ) -> tuple[np.ndarray | None, float]:
        """Return the cells of the cheapest cover within ``gap`` (none if none is found) and a proven
        bound."""
        import highspy

        self.extend()
        highs = solver(mip_rel_gap=gap, time_limit=seconds)
        highs.passModel(self._highs.getLp())
        index = np.arange(self._count, dtype=np.int32)
        highs.changeColsIntegrality(self._count, index, np.full(self._count, highspy.HighsVarType.kInteger))
        if start is not None:
            highs.setSolution(self._count, index, np.where(self.cuts.given, 0.0, start.astype(float)))
        highs.run()
        info = highs.getInfo()
        if info.primal_solution_status != 2:
            return None, max(0.0, info.mip_dual_bound)
        return np.array(highs.getSolution().col_value) > 0.5, max(0.0, info.mip_dual_bound)


@dataclass
class Solution:
    """A protecting ``pattern`` (true: suppressed), its ``cost`` beyond the primary cells, a proven lower
    ``bound`` of the cost of any, and the ``cuts``."""

    pattern: np.ndarray
    cost: float
    bound: float
    cuts: Cuts


class Block:
    """The attacker's view of one block; finds the cuts that a pattern violates."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._bare = Attack(problem.equations, problem.down)
        self._breathing = Attack(problem.equations, problem.down)
        self._scale = float(problem.need.max()) if len(problem.need) else 1.0

    def separate(self, cuts: Cuts, share: np.ndarray, violation: float) -> int:
        """Add the cuts that the shares violate by more than ``violation``; return how many primary cells
        do."""
        problem = self.problem
        self._bare.suppress(share, self._scale)
        self._breathe(share)
        reached, found = np.zeros(len(share)), 0
        for cell, need in zip(problem.primary, problem.need, strict=True):
            if reached[cell] >= need - SMALL:
                continue
            rise, deviation, reduced = self._bare.rise(int(cell), need)
            reached = np.maximum(reached, deviation)
            if rise >= need * (1.0 - violation):
                continue
            row = cut(self._breathing.rise(int(cell), need)[2], int(cell), need, problem.down)
            if row @ share >= 1.0 - violation:
                row = cut(reduced, int(cell), need, problem.down)
            if row @ share < 1.0 - violation:
                found += 1
                cuts.add(row)
        return found

    def refuse(self, cuts: Cuts, pattern: np.ndarray) -> np.ndarray:
        """Add the cuts that ``pattern`` violates; return which primary cells it leaves open."""
        problem = self.problem
        open_ = unprotected(problem.equations, problem.down, pattern, problem.primary, problem.need)
        if open_.any():
            share = pattern.astype(float)
            self._breathe(share)
            for position in np.flatnonzero(open_):
                cell, need = int(problem.primary[position]), problem.need[position]
                row = cut(self._breathing.rise(cell, need)[2], cell, need, problem.down)
                if row @ share >= 1.0 - 1e-6:
                    self._bare.suppress(share)
                    row = cut(self._bare.rise(cell, need)[2], cell, need, problem.down)
                cuts.add(row)
        return open_

    def _breathe(self, share: np.ndarray) -> None:
        """Give cells that are not suppressed a breath of freedom, so that no dual uses them for nothing."""
        barred = self.problem.barred
        self._breathing.suppress(np.where(barred, 0.0, np.maximum(share, BREATH)), self._scale)


def protect(
    problem: Problem,
    *,
    deadline: float,
    gap: float,
    cuts: Cuts | None = None,
    start: np.ndarray | None = None,
) -> Solution:
    """Return a pattern that protects the primary cells within the relative ``gap`` of the cheapest, or the
    best found before ``deadline`` (of ``time.monotonic``).

    ``cuts`` are those known already, then the linear relaxation is left out; ``start`` is a pattern to begin
    with. Every primary cell must be one that can be protected at all.
    """
    block = Block(problem)
    repair = Repair(problem.equations, problem.down, problem.cost, problem.barred)
    best, best_cost, bound = None, np.inf, 0.0
    known = cuts is not None
    if cuts is None:
        cuts = Cuts(problem)
        cuts.seed(problem)
    master = Master(problem.cost, cuts)
    if start is not None:
        best = mend(problem, start, block.refuse(cuts, start), repair)
        best_cost = price(problem, best)
    if not known:
        bound = relax(problem, block, master, cuts, deadline, patience=3)
    finest = 0.7 * gap
    coarse = max(finest, 0.02)  # while cells are still found open, an exact cover is not worth its time
    while True:
        left = max(0.5, deadline - time.monotonic())
        chosen, proven = master.whole(gap=coarse, seconds=left, start=best)
        bound = max(bound, proven)
        if chosen is None:
            chosen = np.zeros(len(problem.cost), dtype=bool)
        chosen[problem.primary] = True
        open_ = block.refuse(cuts, chosen)
        mended = mend(problem, chosen, open_, repair)
        cost = price(problem, mended)
        if cost < best_cost:
            best, best_cost = mended, cost
        if best_cost <= bound * (1 + gap) + SMALL or time.monotonic() > deadline:
            return Solution(best, best_cost, bound, cuts)
        if open_.any():
            # Halfway to a pattern that protects the cuts are deeper than at one that does not.
            block.separate(cuts, (chosen.astype(float) + best) / 2, 0.02)
            bound = max(bound, relax(problem, block, master, cuts, deadline, patience=1))
        if not open_.any() or best_cost <= bound * (1 + 1.5 * coarse):
            if coarse <= finest and not open_.any():
                return Solution(best, best_cost, bound, cuts)
            coarse = max(finest, coarse / 2)


def relax(
    problem: Problem, block: Block, master: Master, cuts: Cuts, deadline: float, *, patience: int
) -> float:
    """Add the cuts that the linear relaxation violates until its cost has stood still ``patience`` times;
    return that cost, a lower bound."""
    bound, stalls = 0.0, 0
    while stalls < patience and time.monotonic() < deadline:
        share, cost = master.relaxed()
        stalls += cost <= bound * 1.001
        bound = max(bound, cost)
        share[problem.primary] = 1.0
        if not block.separate(cuts, share, 0.02):
            break
    return bound


def price(problem: Problem, pattern: np.ndarray) -> float:
    """Return the cost of ``pattern`` beyond the primary cells."""
    return float(problem.cost[pattern].sum() - problem.cost[problem.primary].sum())


def mend(problem: Problem, pattern: np.ndarray, open_: np.ndarray, repair: Repair) -> np.ndarray:
    """Return ``pattern`` with the cells added that its ``open_`` primary cells need, less the needless of
    them."""
    if not open_.any():
        return pattern
    rows, down, primary, need = problem.equations, problem.down, problem.primary, problem.need
    mended = pattern
    for position in np.flatnonzero(open_):
        mended = repair.add(mended, primary[position], need[position])
    # What was added may have made a chosen cell in the same sums needless.
    touched = (rows != 0).astype(float) @ (mended & ~pattern).astype(float) > 0
    near = mended & ((rows != 0).astype(float).T @ touched.astype(float) > 0)
    near[primary] = False
    return thin(rows, down, problem.cost, mended, primary, need, np.flatnonzero(near))
