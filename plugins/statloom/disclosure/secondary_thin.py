"""Take out of a pattern what protects nothing."""

import time

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import (
    EITHER,
    MET,
    SMALL,
    Attack,
    Demands,
    Problem,
    load,
    solver,
)
from statloom.disclosure.tables import parts_of


def thin(
    problem: Problem, pattern: np.ndarray, candidates: np.ndarray, *, until: float = np.inf
) -> np.ndarray:
    """Return ``pattern`` without those ``candidates`` (true) that no demand needs, dearest first; what is not
    tried ``until`` then (``time.monotonic``) stays. ``pattern`` meets all demands."""
    columns = np.flatnonzero(pattern)
    inner, _ = problem.among(columns)
    part = parts_of(inner)
    result = pattern.copy()
    for number in np.unique(part[candidates[columns]]):
        inside = columns[part == number]
        if time.monotonic() > until:
            return result
        result[inside[_thinned(problem, inside, candidates[inside], until)]] = False
    return result


def _thinned(problem: Problem, inside: np.ndarray, candidates: np.ndarray, until: float) -> np.ndarray:
    """Return which of the suppressed cells ``inside``, a connected part, are needless (positions)."""
    equations, place = problem.among(inside)
    mine = np.flatnonzero(place[problem.cell] >= 0)
    cells, signs, needs = place[problem.cell[mine]], problem.sign[mine], problem.need[mine]
    given, cost = problem.given[inside], problem.cost[inside]
    routes = Routes(equations, problem.down[inside], np.where(given, 0.0, cost))
    sums = Sums(equations, given, cells)
    uses = np.zeros((len(mine), len(inside)), dtype=bool)
    failed = np.zeros(len(mine))
    for which in range(len(mine)):
        found = routes.find(int(cells[which]), int(signs[which]), float(needs[which]))
        uses[which] = True if found is None else found
    trial = np.flatnonzero(candidates & ~given)
    for cell in trial[np.argsort(-cost[trial], kind="stable")].tolist():
        if time.monotonic() > until:
            break
        gone = sums.without(cell) if not sums.gone[cell] else None
        if gone is None:
            continue
        users = np.flatnonzero(uses[:, gone].any(axis=1))
        # Most often one of them needs the cell: those near it and those that needed others come first.
        doubt = sums.beside(cell)[cells[users]] + failed[users] / (1.0 + failed.max(initial=0.0))
        routes.publish(gone)
        again = {}
        for which in users[np.argsort(-doubt, kind="stable")].tolist():
            moved = routes.find(int(cells[which]), int(signs[which]), float(needs[which]))
            if moved is None:
                failed[which] += 1
                routes.publish(gone, back=True)
                break
            again[which] = moved
        else:
            sums.publish(gone)
            for which, moved in again.items():
                uses[which] = moved
    return np.flatnonzero(sums.gone)


class Routes:
    """The cheapest deviations that meet a demand, among suppressed cells: they use few cells."""

    def __init__(self, equations: sparse.csr_array, down: np.ndarray, cost: np.ndarray) -> None:
        import highspy

        self._count, self._down = len(down), down
        self._gone = np.zeros(len(down), dtype=bool)
        self._highs = solver(presolve="off")
        zeros = np.zeros(equations.shape[0])
        both = sparse.csr_array(sparse.hstack([equations, -equations]))
        # Only bounds change between questions, so the last basis stays dual feasible.
        price = 0.01 + cost / max(float(np.median(cost[cost > 0])) if (cost > 0).any() else 1.0, 1e-9)
        upper = np.concatenate([np.full(len(down), np.inf), down])
        load(self._highs, np.tile(price, 2), np.zeros(2 * len(down)), upper, both, zeros, zeros)
        self._optimal = highspy.HighsModelStatus.kOptimal
        self._infeasible = highspy.HighsModelStatus.kInfeasible
        self._sure = Attack(equations, down)
        self._sure.suppress(np.ones(len(down)))

    def publish(self, cells: list[int], *, back: bool = False) -> None:
        """Publish ``cells``; with ``back`` suppress them again."""
        for cell in cells:
            self._gone[cell] = not back
            self._free(cell)
            self._sure.publish(cell, back=back)

    def find(self, cell: int, sign: int, need: float) -> np.ndarray | None:
        """Return which cells move when ``cell`` moves by ``need`` up or down (``sign``); none if it
        cannot."""
        if sign != EITHER:
            moved, fixed = (cell, cell + self._count) if sign > 0 else (cell + self._count, cell)
            self._highs.changeColBounds(moved, need, need)
            self._highs.changeColBounds(fixed, 0.0, 0.0)
            self._highs.run()
            status = self._highs.getModelStatus()
            optimal = status == self._optimal
            value = np.array(self._highs.getSolution().col_value) if optimal else None
            self._free(cell)
            if status == self._infeasible:
                return None
            if optimal:
                return np.abs(value[: self._count] - value[self._count :]) > SMALL
        asked = Demands(self._sure, np.array([cell]), np.array([sign]), np.array([need]))
        share, moved, _ = asked.one(0)
        return moved if share >= MET else None

    def _free(self, cell: int) -> None:
        upper = (0.0, 0.0) if self._gone[cell] else (np.inf, float(self._down[cell]))
        self._highs.changeColBounds(cell, 0.0, upper[0])
        self._highs.changeColBounds(cell + self._count, 0.0, upper[1])


class Sums:
    """How many suppressed cells each sum has: where one is left alone, it is known to anyone."""

    def __init__(self, equations: sparse.csr_array, given: np.ndarray, asked: np.ndarray) -> None:
        """``equations`` over the suppressed cells; ``asked`` are the cells on which there are demands."""
        by_cell = sparse.csc_array(equations)
        self._rows = np.split(by_cell.indices, by_cell.indptr[1:-1])
        self._cells = np.split(equations.indices, equations.indptr[1:-1])
        self._count = np.diff(equations.indptr).astype(int)
        self._stays = given.copy()
        self._asked = np.zeros(len(given), dtype=bool)
        self._asked[asked] = True
        self.gone = np.zeros(len(given), dtype=bool)

    def without(self, cell: int) -> list[int] | None:
        """Return ``cell`` and the cells that protect nothing without it; none if one that must be protected
        would be known."""
        known, count, gone = {cell}, {}, [cell]
        queue = [cell]
        while queue:
            for row in self._rows[queue.pop()].tolist():
                count[row] = count.get(row, self._count[row]) - 1
                if count[row] == 1:
                    for last in self._cells[row].tolist():
                        if last not in known and not self.gone[last]:
                            if self._asked[last]:
                                return None
                            known.add(last)
                            queue.append(last)
                            if not self._stays[last]:
                                gone.append(last)
        return gone

    def beside(self, cell: int) -> np.ndarray:
        """Return for each cell how many sums it shares with ``cell``."""
        return np.bincount(
            np.concatenate([self._cells[row] for row in self._rows[cell].tolist()]), minlength=len(self.gone)
        )

    def publish(self, gone: list[int]) -> None:
        """Take the cells ``gone`` as published from now on."""
        for cell in gone:
            self.gone[cell] = True
            for row in self._rows[cell].tolist():
                self._count[row] -= 1
