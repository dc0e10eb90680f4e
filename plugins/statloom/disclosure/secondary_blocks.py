"""The cheapest protecting pattern of a set of cells, by Benders cuts from the attacker's programmes.

The master chooses the cells by covering cuts alone. A pattern that leaves a demand unmet yields cuts that it
violates; when it leaves none, it is the optimum (Fischetti and Salazar 2001). Before the master is asked
again, its pattern is grown: the cells that hit the new cuts at least cost are added and the attacker is asked
again, until nothing is open. So every question to the master yields many cuts, and a protecting pattern.
"""

import time
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import SMALL, Attack, Demands, Problem, cut, unmet
from statloom.disclosure.secondary_cover import Cuts, Master
from statloom.disclosure.secondary_quick import quick
from statloom.disclosure.secondary_repair import accompanied, near
from statloom.disclosure.secondary_thin import thin

BREATH = 1e-3
MANY = 100_000  # open demands times cells from which on each demand gives one cut, not three
VIOLATED = 0.98  # a demand of which the shares of a relaxation allow less than this yields a cut


@dataclass
class Solution:
    """A protecting ``pattern`` (true: suppressed), its ``cost`` beyond the given cells, a proven lower
    ``bound`` of the cost of any, and the ``cuts`` found."""

    pattern: np.ndarray
    cost: float
    bound: float
    cuts: Cuts

    def within(self, gap: float) -> bool:
        """Say whether the pattern is proven to be within ``gap`` of the cheapest."""
        return self.cost <= self.bound * (1 + gap) + SMALL


class Guard:
    """The attacker's view of one problem; finds the cuts that a pattern violates."""

    def __init__(self, problem: Problem, cuts: Cuts, deadline: float) -> None:
        """After ``deadline`` no more cuts are looked for."""
        self.problem, self.cuts, self._deadline = problem, cuts, deadline
        demands = (problem.cell, problem.sign, problem.need)
        self._bare = Demands(Attack(problem.equations, problem.down), *demands)
        self._breathing = Demands(Attack(problem.equations, problem.down), *demands)
        self._scale = float(problem.need.max(initial=0.0)) or 1.0
        middle = np.median(problem.cost) if len(problem.cost) else 1.0
        # Which cells a cut would rather do without: the cheap ones, then all alike, then by chance.
        self._cheap = np.clip(middle / np.maximum(problem.cost, 1e-9), 0.05, 20.0)
        self._random = np.random.default_rng(1)

    def separate(self, share: np.ndarray) -> int:
        """Add the cuts that the shares of a relaxation violate; return how many."""
        problem, before = self.problem, len(self.cuts.rows)
        self._bare.attack.suppress(share, self._scale)
        self._breathe(share, np.ones(len(share)))
        _, left = self._bare.many(np.arange(len(problem.cell)), VIOLATED)
        for which in left:
            if time.monotonic() > self._deadline:
                break
            reached, _, reduced = self._bare.one(which)
            if reached < VIOLATED:
                row = self._row(which, self._breathing.one(which)[2])
                if row @ share >= VIOLATED:
                    row = self._row(which, reduced)
                if row @ share < VIOLATED:
                    self.cuts.add(row)
        return len(self.cuts.rows) - before

    def refuse(self, pattern: np.ndarray, open_: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Add the cuts that ``pattern`` violates as it does not meet the demands ``open_``; return them."""
        share, found = pattern.astype(float), []
        chance = self._random.uniform(0.1, 3.0, len(share)) * self._cheap ** self._random.uniform(0.0, 1.5)
        weights = (self._cheap, np.ones(len(share)), chance)
        for weight in weights if len(open_) * len(share) < MANY else weights[:1]:
            self._breathe(share, weight)
            for which in open_:
                if time.monotonic() > self._deadline:
                    break
                row = self._row(which, self._breathing.one(which)[2])
                if row @ share < 1.0 - 1e-6:
                    found.append(self.cuts.add(row))
        if not any(found):
            self._bare.attack.suppress(share)
            for which in open_:
                row = self._row(which, self._bare.one(which)[2])
                if row @ share < 1.0 - 1e-6:
                    found.append(self.cuts.add(row))
        return [row for row in found if row is not None]

    def grow(self, pattern: np.ndarray) -> tuple[np.ndarray, int]:
        """Return ``pattern`` with cells added until every demand is met, and how many were not at first."""
        grown, first = pattern.copy(), None
        while True:
            open_ = np.flatnonzero(unmet(self.problem, grown))
            first = len(open_) if first is None else first
            if not len(open_):
                return grown, first
            late = time.monotonic() > self._deadline
            if late or not self._hit(grown, self.refuse(grown, open_)):
                return quick(self.problem, [], grown, until=self._deadline), first

    def _hit(self, pattern: np.ndarray, rows: list[tuple[np.ndarray, np.ndarray]]) -> bool:
        """Add to ``pattern`` the cells that satisfy ``rows`` at least cost; say whether any was added."""
        if not rows:
            return False
        starts = np.cumsum([0] + [len(columns) for columns, _ in rows])
        data = np.concatenate([values for _, values in rows])
        indices = np.concatenate([columns for columns, _ in rows])
        matrix = sparse.csc_array(sparse.csr_array((data, indices, starts), shape=(len(rows), len(pattern))))
        lacking = 1.0 - matrix @ pattern.astype(float)
        owner = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
        blocked, added = pattern | self.cuts.fixed, False
        while (lacking > 1e-6).any():
            use = np.minimum(matrix.data, np.maximum(lacking, 0.0)[matrix.indices])
            gain = np.bincount(owner, use, minlength=len(pattern))
            gain[blocked] = 0.0
            best = int(np.argmax(gain / np.maximum(self.problem.cost, 1e-9)))
            if gain[best] <= 1e-9:
                break
            pattern[best] = blocked[best] = added = True
            lacking = lacking - matrix[:, [best]].toarray()[:, 0]
        return added

    def _row(self, which: int, reduced: list[np.ndarray]) -> np.ndarray:
        problem = self.problem
        row = cut(reduced, int(problem.cell[which]), float(problem.need[which]), problem.down)
        row[problem.barred] = 0.0
        return row

    def _breathe(self, share: np.ndarray, weight: np.ndarray) -> None:
        """Give cells that are not suppressed a breath of freedom, so that no dual uses them for nothing."""
        share = np.where(self.problem.barred, 0.0, np.maximum(share, BREATH * weight))
        self._breathing.attack.suppress(share, self._scale)


def protect(
    problem: Problem,
    *,
    deadline: float,
    gap: float,
    cuts: Cuts | None = None,
    start: np.ndarray | None = None,
    sure: np.ndarray | None = None,
    bound: float = 0.0,
) -> Solution:
    """Return a pattern that meets all demands within the relative ``gap`` of the cheapest, or the best found
    before ``deadline`` (of ``time.monotonic``).

    ``cuts`` are those known already, ``start`` is a pattern to begin with, ``sure`` one that is known to meet
    all demands, ``bound`` is proven already. All demands together must be possible.
    """
    if sure is not None and time.monotonic() > deadline:
        return Solution(sure, problem.price(sure), bound, cuts or Cuts(problem))
    if cuts is None:
        cuts = Cuts(problem)
        cuts.seed(problem)
    guard = Guard(problem, cuts, deadline)
    master = Master(problem, cuts)
    whole_costs = bool((problem.cost == np.floor(problem.cost)).all())

    def proven(cost: float) -> float:
        return float(np.ceil(cost - 1e-4)) if whole_costs else cost

    best, best_cost = sure, np.inf if sure is None else problem.price(sure)
    if start is not None or time.monotonic() > deadline:
        start = problem.given if start is None else start | problem.given
        grown, _ = guard.grow(start)
        grown = thin(problem, grown, near(problem, grown, grown & ~start), until=deadline)
        if problem.price(grown) < best_cost:
            best, best_cost = grown, problem.price(grown)
    if best is not None:
        best = accompanied(problem, best)
        best_cost = problem.price(best)
    if best_cost > bound * (1 + gap) + SMALL:
        bound = max(bound, proven(relax(problem, guard, master, deadline, patience=3)))
    finest = 0.7 * gap
    coarse = max(finest, 0.02)  # while cells are still found open, an exact cover is not worth its time
    while best is None or (best_cost > bound * (1 + gap) + SMALL and time.monotonic() < deadline):
        left = max(0.5, deadline - time.monotonic())
        chosen, dual = master.whole(gap=coarse, seconds=left, start=best)
        bound = max(bound, proven(dual))
        if chosen is None and best is not None:
            break
        chosen = problem.given if chosen is None else chosen | problem.given
        grown, open_ = guard.grow(chosen)
        if open_ and problem.price(grown) < 1.15 * best_cost:
            grown = thin(problem, grown, near(problem, grown, grown & ~chosen), until=deadline)
        grown = accompanied(problem, grown)
        cost = problem.price(grown)
        if cost < best_cost:
            best, best_cost = grown, cost
        if not open_ or best_cost <= bound * (1 + 1.5 * coarse):
            if coarse <= finest and not open_:
                break
            coarse = max(finest, coarse / 2)
        if open_:
            bound = max(bound, proven(relax(problem, guard, master, deadline, patience=1)))
    if best_cost > bound * (1 + gap) + SMALL:
        best = thin(problem, best, best & ~problem.given, until=deadline)
        best_cost = problem.price(best)
    return Solution(best, best_cost, bound, cuts)


def relax(problem: Problem, guard: Guard, master: Master, deadline: float, *, patience: int) -> float:
    """Add the cuts that the linear relaxation violates until its cost has stood still ``patience`` times;
    return that cost, a lower bound."""
    bound, stalls = 0.0, 0
    while stalls < patience and time.monotonic() < deadline:
        share, cost = master.relaxed()
        stalls += cost <= bound * 1.001
        bound = max(bound, cost)
        share[problem.given] = 1.0
        if not guard.separate(share):
            break
    return bound
