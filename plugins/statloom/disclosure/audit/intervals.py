"""The interval that the published figures leave to each left-out cell, by linear programmes.

A certificate does not need every interval's ends. Two feasible sets of figures that give a cell different
values prove that it is not determined, and one that gives it a value above the threshold proves that it may
be above. One programme looks for a set of figures that does so for as many cells as it can; cells for which
none is found get programmes of their own.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

SAFE, EXACT, WITHIN, NARROW, CONTRADICTION = "safe", "exact", "within threshold", "narrow", "contradiction"


class Contradiction(Exception):
    """No figures satisfy all the published ones."""


def judge(
    rows: sparse.csr_array,
    low: np.ndarray,
    high: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    asked: np.ndarray,
    *,
    threshold: float,
    width: float,
    integers: np.ndarray,
    exact: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return verdicts, and lower and upper ends, over the unknowns; only the ``asked`` ones are meant.

    ``lower`` and ``upper`` are bounds that hold. With ``exact`` every asked interval is solved for, else the
    ends returned are those bounds wherever a certificate did not need better ones.
    """
    verdict = np.full(len(lower), SAFE, dtype=object)
    ends = lower.copy(), upper.copy()
    open_ = upper > lower + 1e-9
    settled = asked & ~open_
    verdict[settled] = EXACT
    impossible = lower > upper + 1e-6
    columns = np.flatnonzero(open_)
    known = np.where(open_, 0.0, lower)
    shift = rows @ known
    inner = sparse.csr_array(rows[:, columns])
    used = np.diff(inner.indptr) > 0
    off = ~used & ((shift < low - 1e-6) | (shift > high + 1e-6))
    if off.any():
        touched = np.unique(sparse.csr_array(rows[np.flatnonzero(off)]).indices)
        verdict[touched[asked[touched]]] = CONTRADICTION
    verdict[impossible & asked] = CONTRADICTION
    inner, low, high = (
        sparse.csr_array(inner[np.flatnonzero(used)]),
        (low - shift)[used],
        (high - shift)[used],
    )
    count = len(columns)
    joined = sparse.block_array([[sparse.csr_array((count, count)), inner.T], [inner, None]])
    part = connected_components(joined, directed=False)[1] if count else np.zeros(0, dtype=int)
    part_of_row = part[count:]
    order = np.argsort(part[:count], kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(part[:count][order])) + 1) if count else []
    rows_order = np.argsort(part_of_row, kind="stable")
    starts = np.searchsorted(part_of_row[rows_order], np.arange((part.max() + 2) if count else 1))
    for group in groups:
        cells = columns[group]
        if not asked[cells].any():
            continue
        number = part[group[0]]
        lines = rows_order[starts[number] : starts[number + 1]]
        piece = sparse.csr_array(inner[lines][:, group])
        component = Component(piece, low[lines], high[lines], lower[cells], upper[cells])
        try:
            found, least, most = component.judge(
                asked[cells], threshold=threshold, width=width, integers=integers[cells], exact=exact
            )
        except Contradiction:
            verdict[cells[asked[cells]]] = CONTRADICTION
            continue
        verdict[cells], ends[0][cells], ends[1][cells] = found, least, most
    return verdict, *ends


class Component:
    """Unknowns that hang together, and what they satisfy."""

    def __init__(self, rows, low, high, lower, upper) -> None:
        self.rows, self.low, self.high = rows, low, high
        self.lower, self.upper = lower, upper
        self.least = np.full(len(lower), np.inf)  # the smallest and largest value in the figures found so far
        self.most = np.full(len(lower), -np.inf)
        self._single = None

    def judge(self, asked, *, threshold, width, integers, exact):
        """Return verdicts and ends of the unknowns of this component."""
        verdict = np.full(len(self.lower), SAFE, dtype=object)
        lower, upper = self.lower.copy(), self.upper.copy()
        wide = np.where(integers, 1.0, max(width, 1e-6))
        wide = np.maximum(wide, width)
        above = (
            np.where(integers, np.floor(threshold) + 1.0, threshold * (1 + 1e-6) + 1e-9)
            if threshold > 0
            else 0.0
        )
        above = np.broadcast_to(above, len(lower))
        if len(lower) == 1 and not self.rows.shape[0]:
            self.least, self.most = lower.copy(), np.where(np.isfinite(upper), upper, 1e300)
        elif not exact:
            self._together(asked, above, wide, integers)
        for cell in np.flatnonzero(asked):
            done = self._wide(wide, integers)[cell] and self.most[cell] >= above[cell] - 1e-6
            if done and not exact:
                continue
            if len(lower) > 1 or self.rows.shape[0]:
                lower[cell], upper[cell] = self._ends(cell)
            if integers[cell]:
                lower[cell], upper[cell] = np.ceil(lower[cell] - 1e-5), np.floor(upper[cell] + 1e-5)
            if upper[cell] - lower[cell] < 1e-6 * max(1.0, abs(lower[cell])):
                verdict[cell] = EXACT
            elif upper[cell] < above[cell] - 1e-6:
                verdict[cell] = WITHIN
            elif upper[cell] - lower[cell] < width - 1e-9:
                verdict[cell] = NARROW
        return verdict, lower, upper

    def _wide(self, wide, integers) -> np.ndarray:
        """Say which unknowns have two values far enough apart among the figures found."""
        inner = np.where(
            integers, np.floor(self.most + 1e-5) - np.ceil(self.least - 1e-5), self.most - self.least
        )
        return inner >= wide - 1e-9

    def _note(self, values: np.ndarray) -> None:
        self.least, self.most = np.minimum(self.least, values), np.maximum(self.most, values)

    def _together(self, asked, above, wide, integers) -> None:
        """Look for figures that put as many cells as possible above the threshold, then apart from those."""
        self._push(
            np.flatnonzero(asked & (self.lower < above - 1e-6)), above, 1.0, lambda: self.most >= above - 1e-6
        )
        for sign in (1.0, -1.0, 1.0):
            todo = np.flatnonzero(asked & ~self._wide(wide, integers))
            if not len(todo):
                return
            if not np.isfinite(self.least[todo]).all():
                target = np.where(np.isfinite(self.lower), self.lower, 0.0) + wide
            elif sign > 0:
                target = np.floor(self.least) + np.where(integers, 1.0, 0.0) + wide
            else:
                target = -(np.ceil(self.most) - np.where(integers, 1.0, 0.0) - wide)
            self._push(todo, target, sign, lambda: self._wide(wide, integers))

    def _push(self, todo: np.ndarray, target: np.ndarray, sign: float, done) -> None:
        """Solve ``max sum(min(0, sign * x - target))`` over the cells ``todo``, again for those that stay
        below as long as that helps many."""
        if not len(todo):
            return
        import highspy

        count, many = len(self.lower), len(todo)
        pick = sparse.csr_array((np.full(many, sign), (np.arange(many), todo)), shape=(many, count))
        rows = sparse.csr_array(
            sparse.block_array([[self.rows, None], [pick, -sparse.eye_array(many)]])
            if self.rows.shape[0]
            else sparse.hstack([pick, -sparse.eye_array(many)])
        )
        highs = _highs(
            rows,
            np.concatenate([self.low, target[todo]]),
            np.concatenate([self.high, np.full(many, np.inf)]),
            np.concatenate([self.lower, np.full(many, -np.inf)]),
            np.concatenate([self.upper, np.zeros(many)]),
        )
        index = np.arange(count, count + many, dtype=np.int32)
        active = np.ones(many, dtype=bool)
        while active.any():
            highs.changeColsCost(many, index, active.astype(float))
            self._note(_solve(highs, highspy)[:count])
            still = active & ~done()[todo]
            gained = active.sum() - still.sum()
            if gained < max(3, 0.02 * many):
                return
            active = still

    def _ends(self, cell: int) -> tuple[float, float]:
        """Return the smallest and the largest value of one unknown."""
        import highspy

        if self._single is None:
            self._single = _highs(self.rows, self.low, self.high, self.lower, self.upper)
            self._single.setOptionValue("presolve", "off")
            self._single.setOptionValue("simplex_strategy", 4)
        ends = []
        for cost in (-1.0, 1.0):
            self._single.changeColCost(int(cell), cost)
            values = _solve(self._single, highspy)
            if values is None:
                ends.append(np.inf if cost > 0 else -np.inf)
            else:
                self._note(values)
                ends.append(float(values[cell]))
        self._single.changeColCost(int(cell), 0.0)
        return ends[0], ends[1]


def _highs(rows, low, high, lower, upper):
    """Return HiGHS with the unknowns and what they satisfy; objectives are maximised."""
    import highspy

    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = rows.shape
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = np.zeros(rows.shape[1])
    model.col_lower_, model.col_upper_, model.row_lower_, model.row_upper_ = lower, upper, low, high
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = rows.indptr.astype(np.int32)
    model.a_matrix_.index_ = rows.indices.astype(np.int32)
    model.a_matrix_.value_ = rows.data.astype(float)
    highs.passModel(model)
    return highs


def _solve(highs, highspy) -> np.ndarray | None:
    """Return a solution; none if the objective has no limit. Raises ``Contradiction`` if there is no
    solution."""
    status = highspy.HighsModelStatus
    for attempt in range(2):
        highs.run()
        state = highs.getModelStatus()
        if state == status.kOptimal:
            return np.array(highs.getSolution().col_value)
        if state == status.kUnbounded:
            return None
        if state == status.kInfeasible and attempt:
            raise Contradiction
        highs.clearSolver()
        highs.setOptionValue("presolve", "off")
    if state == status.kUnboundedOrInfeasible:
        raise Contradiction
    raise RuntimeError(f"the solver stopped: {highs.modelStatusToString(state)}")
