"""The interval that the published figures leave to each left-out cell, by linear programmes.

A certificate does not need every interval's ends. Two feasible sets of figures that give a cell different
values prove that it is not determined, and one that gives it a value above the threshold proves that it may
be above. One programme looks for a set of figures that does so for as many cells as it can; cells for which
none is found get programmes of their own.
"""

from collections.abc import Iterator

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

SAFE, EXACT, WITHIN, NARROW = "safe", "exact", "within threshold", "narrow"
SHOWN, CONTRADICTION = "shown", "contradiction"
AT_ONCE = 20_000


class Contradiction(Exception):
    """No figures satisfy all the published ones."""


def components(rows: sparse.csr_array, open_: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the unknowns and the rows of each part in which ``open_`` unknowns hang together."""
    columns = np.flatnonzero(open_)
    count = len(columns)
    if not count:
        return
    inner = sparse.csr_array(rows[:, columns])
    used = np.flatnonzero(np.diff(inner.indptr))
    inner = sparse.csr_array(inner[used])
    joined = sparse.block_array([[sparse.csr_array((count, count)), inner.T], [inner, None]])
    number, part = connected_components(joined, directed=False)
    cells = np.argsort(part[:count], kind="stable")
    lines = np.argsort(part[count:], kind="stable")
    starts = np.searchsorted(part[:count][cells], np.arange(number + 1))
    begins = np.searchsorted(part[count:][lines], np.arange(number + 1))
    for which in range(number):
        yield (
            columns[cells[starts[which] : starts[which + 1]]],
            used[lines[begins[which] : begins[which + 1]]],
        )


def judge(
    rows: sparse.csr_array,
    low: np.ndarray,
    high: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    asked: np.ndarray,
    *,
    threshold: np.ndarray,
    width: np.ndarray,
    integers: np.ndarray,
    exact: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return verdicts, and lower and upper ends, over the unknowns; only the ``asked`` ones are meant.

    ``lower`` and ``upper`` are bounds that hold; ``threshold`` and ``width`` what each cell must be possible
    above, and how wide its interval must be. With ``exact`` every asked interval is solved for, else the
    ends returned are those bounds wherever a certificate did not need better ones.
    """
    verdict = np.full(len(lower), SAFE, dtype=object)
    ends = lower.copy(), upper.copy()
    open_ = upper > lower + 1e-9
    verdict[asked & ~open_] = EXACT
    impossible = lower > upper + 1e-6
    total = rows @ np.where(open_, 0.0, lower)
    reach = abs(rows)
    off = (reach @ open_.astype(float) == 0) & ((total < low - 1e-6) | (total > high + 1e-6))
    off |= reach @ impossible.astype(float) > 0
    if off.any():
        touched = np.unique(sparse.csr_array(rows[np.flatnonzero(off)]).indices)
        verdict[touched[asked[touched]]] = CONTRADICTION
    verdict[impossible & asked] = CONTRADICTION
    above, wide = demanded(threshold, width, integers)
    alone = open_ & (np.bincount(rows.indices, minlength=len(lower)) == 0)
    verdict[alone & asked] = _of_ends(lower, upper, above, width)[alone & asked]
    parts = [part for part in components(rows, open_ & ~alone) if asked[part[0]].any()]
    everything = (rows, low - total, high - total, lower, upper)
    certain = np.zeros(len(lower), dtype=bool)
    if not exact:
        for batch in _batches(parts):
            _certify(everything, batch, asked, above, wide, integers, certain, verdict)
    for cells, lines in parts:
        open_here = asked[cells] & ~certain[cells] & (verdict[cells] != CONTRADICTION)
        if not open_here.any():
            continue
        component = Component(*_piece(everything, cells, lines))
        try:
            least, most = component.solved(open_here, integers[cells])
        except Contradiction:
            verdict[cells[asked[cells]]] = CONTRADICTION
            continue
        mine = cells[open_here]
        ends[0][mine], ends[1][mine] = least[open_here], most[open_here]
        verdict[mine] = _of_ends(*(part[mine] for part in (*ends, above, width)))
    return verdict, *ends


def _piece(everything, cells: np.ndarray, lines: np.ndarray):
    rows, low, high, lower, upper = everything
    return sparse.csr_array(rows[lines][:, cells]), low[lines], high[lines], lower[cells], upper[cells]


def _batches(parts: list) -> Iterator[list]:
    """Yield the parts in groups that are looked at together: most are small."""
    batch, size = [], 0
    for part in parts:
        batch.append(part)
        size += len(part[0])
        if size > AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _certify(everything, batch, asked, above, wide, integers, certain, verdict) -> None:
    """Set ``certain`` for the unknowns of parts that sets of figures prove to be safe; where no figures
    satisfy a part, set its verdict."""
    cells = np.concatenate([cells for cells, _ in batch])
    lines = np.concatenate([lines for _, lines in batch])
    component = Component(*_piece(everything, cells, lines))
    try:
        certain[cells] = component.certain(asked[cells], above[cells], wide[cells], integers[cells])
    except Contradiction:
        if len(batch) == 1:
            verdict[cells[asked[cells]]] = CONTRADICTION
            return
        half = len(batch) // 2
        for part in (batch[:half], batch[half:]):
            _certify(everything, part, asked, above, wide, integers, certain, verdict)


def demanded(threshold: np.ndarray, width: np.ndarray, integers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what each cell must be possible at, and how far apart two of its values must be."""
    above = np.where(integers, np.floor(threshold) + 1.0, threshold * (1 + 1e-6) + 1e-9)
    return np.where(threshold > 0, above, -np.inf), np.maximum(np.where(integers, 1.0, 1e-6), width)


def _of_ends(lower, upper, above, width) -> np.ndarray:
    """Return the verdicts of intervals."""
    verdict = np.full(len(lower), SAFE, dtype=object)
    with np.errstate(invalid="ignore"):
        wide = upper - lower
    verdict[wide < width - 1e-9] = NARROW
    verdict[upper < above - 1e-6] = WITHIN
    verdict[wide < 1e-6 * np.maximum(1.0, np.abs(lower))] = EXACT
    return verdict


class Component:
    """Unknowns that hang together, and what they satisfy."""

    def __init__(self, rows, low, high, lower, upper) -> None:
        self.rows, self.low, self.high = rows, low, high
        self.lower, self.upper = lower, upper
        self.least = np.full(len(lower), np.inf)  # the smallest and largest value in the figures found so far
        self.most = np.full(len(lower), -np.inf)
        self._single = None

    def certain(self, asked, above, wide, integers) -> np.ndarray:
        """Return which unknowns have two values far enough apart, and one high enough."""
        self._together(asked, above, wide, integers)
        return self._wide(wide, integers) & (self.most >= above - 1e-6)

    def solved(self, asked, integers) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the intervals of the ``asked`` unknowns."""
        lower, upper = self.lower.copy(), self.upper.copy()
        for cell in np.flatnonzero(asked):
            lower[cell], upper[cell] = self._ends(cell)
        lower = np.where(integers, np.ceil(lower - 1e-5), lower) + 0.0
        return lower, np.where(integers, np.floor(upper + 1e-5), upper) + 0.0

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
        count, many = len(self.lower), len(todo)
        pick = sparse.csr_array((np.full(many, sign), (np.arange(many), todo)), shape=(many, count))
        rows = sparse.csr_array(
            sparse.block_array([[self.rows, None], [pick, -sparse.eye_array(many)]])
            if self.rows.shape[0]
            else sparse.hstack([pick, -sparse.eye_array(many)])
        )
        highs = model_of(
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
            self._note(solve(highs)[:count])
            still = active & ~done()[todo]
            gained = active.sum() - still.sum()
            if gained < max(3, 0.02 * many):
                return
            active = still

    def _ends(self, cell: int) -> tuple[float, float]:
        """Return the smallest and the largest value of one unknown."""
        if self._single is None:
            self._single = model_of(self.rows, self.low, self.high, self.lower, self.upper)
            self._single.setOptionValue("presolve", "off")
            self._single.setOptionValue("simplex_strategy", 4)
        ends = []
        for cost in (-1.0, 1.0):
            self._single.changeColCost(int(cell), cost)
            values = solve(self._single)
            if values is None:
                ends.append(np.inf if cost > 0 else -np.inf)
            else:
                self._note(values)
                ends.append(float(values[cell]))
        self._single.changeColCost(int(cell), 0.0)
        return ends[0], ends[1]


def model_of(rows, low, high, lower, upper):
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


def solve(highs) -> np.ndarray | None:
    """Return a solution; none if the objective has no limit. Raises ``Contradiction`` if there is no
    solution."""
    import highspy

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
