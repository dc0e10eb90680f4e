"""The covering problem whose cuts say which cells have to be suppressed."""

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import EITHER, Problem, cut, load, solver


class Cuts:
    """Covering cuts ``values @ y[columns] >= 1`` over the cells that may be suppressed beside the given
    ones."""

    def __init__(self, problem: Problem) -> None:
        self.fixed = problem.barred | problem.given
        self._given = problem.given
        self.rows: list[tuple[np.ndarray, np.ndarray]] = []
        self._seen: set[bytes] = set()

    def add(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Add a cut over all cells, the given cells' share moved to the right-hand side; return it so."""
        rest = 1.0 - coefficients[self._given].sum()
        if rest <= 1e-6:
            return None
        row = np.where(self.fixed, 0.0, np.minimum(coefficients / rest, 1.0))
        columns = np.flatnonzero(row > 1e-6)
        if not len(columns):
            return None
        values = np.ceil(row[columns] * 1e6) / 1e6
        self.put(columns, values)
        return columns, values

    def put(self, columns: np.ndarray, values: np.ndarray) -> None:
        """Add the cut ``values @ y[columns] >= 1`` if it is new."""
        key = columns.tobytes() + values.tobytes()
        if key not in self._seen:
            self._seen.add(key)
            self.rows.append((columns.astype(np.int32), values))

    def worth(self, cells: np.ndarray, cost: np.ndarray, bound: float) -> None:
        """Add that suppressing among ``cells`` costs ``bound`` at least, as is proven of them alone."""
        if bound > 0:
            use = cells[~self.fixed[cells] & (cost[cells] > 0)]
            self.put(use, np.minimum(cost[use] / bound, 1.0) + 1e-9)

    def seed(self, problem: Problem) -> None:
        """Add what single sums demand: others in the sum must move with or against a cell that moves."""
        by_cell, rows = sparse.csc_array(problem.equations), problem.equations
        for cell, sign, need in zip(problem.cell, problem.sign, problem.need, strict=True):
            if sign == EITHER:
                continue
            for row in by_cell.indices[by_cell.indptr[cell] : by_cell.indptr[cell + 1]]:
                span = slice(rows.indptr[row], rows.indptr[row + 1])
                columns, factors = rows.indices[span], rows.data[span]
                reduced = np.zeros(len(problem.cost))
                reduced[columns] = -sign * factors / factors[columns == cell][0]
                self.add(cut([reduced], int(cell), need, problem.down))


def companions(problem: Problem, fixed: np.ndarray) -> sparse.csr_array:
    """Return the rows of ``row @ y >= 0`` which say that no cell is left out alone in a sum.

    A cell that is, is known to anyone: without it a pattern protects as well and costs no more. Sums in which
    a given cell stands demand nothing. ``fixed`` are cells that are not chosen.
    """
    equations = abs(problem.equations)
    open_ = np.flatnonzero(equations @ problem.given.astype(float) == 0)
    free = sparse.csr_array(equations[open_][:, np.flatnonzero(~fixed)] != 0)
    free.sort_indices()
    size = np.diff(free.indptr)
    of = np.repeat(np.arange(len(size)), size)  # one row for each cell of each sum
    length = size[of]
    starts = np.concatenate([[0], np.cumsum(length)])
    step = np.arange(starts[-1]) - np.repeat(starts[:-1], length)
    columns = np.flatnonzero(~fixed)[free.indices[np.repeat(free.indptr[of], length) + step]]
    values = np.where(columns == np.repeat(np.flatnonzero(~fixed)[free.indices], length), -1.0, 1.0)
    return sparse.csr_array((values, columns, starts), shape=(len(of), len(fixed)))


class Master:
    """The covering problem of the cuts, as a linear programme that grows and as an integer programme."""

    def __init__(self, problem: Problem, cuts: Cuts) -> None:
        self.cuts, self._loaded, self._count = cuts, 0, len(problem.cost)
        self._companions = companions(problem, cuts.fixed)
        self._highs = solver()
        nothing = np.zeros(self._count)
        load(
            self._highs,
            np.where(cuts.fixed, 0.0, problem.cost),
            nothing,
            np.where(cuts.fixed, 0.0, 1.0),
            sparse.csr_array((0, self._count)),
            np.zeros(0),
            np.zeros(0),
        )

    def relaxed(self) -> tuple[np.ndarray, float]:
        """Return the shares and the cost of the linear relaxation."""
        self._extend()
        self._highs.run()
        return np.array(self._highs.getSolution().col_value), self._highs.getInfo().objective_function_value

    def whole(
        self, *, gap: float, seconds: float, start: np.ndarray | None
    ) -> tuple[np.ndarray | None, float]:
        """Return the cells of the cheapest cover within ``gap`` (none if none is found in time), and a proven
        bound of the cost. It leaves no cell alone in a sum. ``start`` is such a cover that is known."""
        import highspy

        share, cost = self.relaxed()
        if np.abs(share - np.round(share)).max(initial=0.0) < 1e-7:
            return share > 0.5, cost
        highs = solver(mip_rel_gap=gap, time_limit=seconds, mip_pool_soft_limit=1000, mip_lp_age_limit=5)
        highs.passModel(self._highs.getLp())
        index = np.arange(self._count, dtype=np.int32)
        rows = self._companions
        if rows.shape[0]:
            nothing, infinite = np.zeros(rows.shape[0]), np.full(rows.shape[0], np.inf)
            starts, columns = rows.indptr[:-1].astype(np.int32), rows.indices.astype(np.int32)
            highs.addRows(rows.shape[0], nothing, infinite, rows.nnz, starts, columns, rows.data)
        highs.changeColsIntegrality(self._count, index, np.full(self._count, highspy.HighsVarType.kInteger))
        if start is not None:
            highs.setSolution(self._count, index, np.where(self.cuts.fixed, 0.0, start.astype(float)))
        highs.run()
        info = highs.getInfo()
        bound = info.mip_dual_bound if np.isfinite(info.mip_dual_bound) else 0.0
        if info.primal_solution_status != 2:
            return None, max(0.0, bound)
        return np.array(highs.getSolution().col_value) > 0.5, max(0.0, bound)

    def _extend(self) -> None:
        """Take over the cuts that have been found since the last call."""
        new = self.cuts.rows[self._loaded :]
        if new:
            starts = np.cumsum([0] + [len(columns) for columns, _ in new])
            columns = np.concatenate([columns for columns, _ in new])
            values = np.concatenate([values for _, values in new])
            ones, infinite = np.ones(len(new)), np.full(len(new), np.inf)
            self._highs.addRows(
                len(new), ones, infinite, len(values), starts[:-1].astype(np.int32), columns, values
            )
            self._loaded += len(new)
