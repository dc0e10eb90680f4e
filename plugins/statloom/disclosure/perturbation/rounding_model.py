"""The integer programme of controlled rounding, solved by HiGHS."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

_FURTHER = 40.0  # what a multiple beyond the neighbouring ones costs, in bases
_MOVED = 10.0  # what a cell costs that does not keep its value, in bases
_GAP = 1e-4


@dataclass(frozen=True)
class Problem:
    """``equations``: each row times the figures is 0; figures are ``below * base + rest``; ``kept``: in
    multiples of the base, NaN where nothing is kept."""

    equations: sparse.csr_array
    below: np.ndarray
    rest: np.ndarray
    kept: np.ndarray
    base: int


@dataclass(frozen=True)
class Model:
    """``keep_all``: kept cells are fixed, else dear to move; ``reach``: multiples beyond the neighbours."""

    keep_all: bool
    reach: int


@dataclass(frozen=True)
class Solution:
    """``multiples`` of the base, one a cell; ``bound``: no rounding that keeps all that is kept has a smaller
    loss (None where something had to move)."""

    multiples: np.ndarray
    bound: float | None


STAGES = (Model(True, 0), Model(False, 0), Model(False, 1))


def wider(most: int) -> Iterator[Model]:
    """Yield models with more and more multiples beyond the neighbouring ones."""
    for reach in range(2, most + 1):
        yield Model(False, reach)


def nearest(problem: Problem, cells: np.ndarray) -> np.ndarray:
    """Return the kept multiple of cells that stand in no sum, else the nearest."""
    near = problem.below[cells] + (2 * problem.rest[cells] > problem.base)
    return np.where(np.isnan(problem.kept[cells]), near, problem.kept[cells])


def loss(problem: Problem, multiples: np.ndarray, cells: np.ndarray) -> float:
    """Return the sum of the distances of ``multiples`` (one for each of ``cells``) from the figures."""
    return float(np.abs((multiples - problem.below[cells]) * problem.base - problem.rest[cells]).sum())


def score(problem: Problem, multiples: np.ndarray, cells: np.ndarray) -> float:
    """Return what the programmes minimise: the loss, and what moved cells and further multiples cost."""
    over = multiples - problem.below[cells]
    beyond = np.maximum(-over, 0) + np.maximum(over - (problem.rest[cells] > 0), 0)
    kept = problem.kept[cells]
    moved = np.count_nonzero(~np.isnan(kept) & (multiples != kept))
    return loss(problem, multiples, cells) + problem.base * (_FURTHER * beyond.sum() + _MOVED * moved)


def solve(
    problem: Problem, cells: np.ndarray, model: Model, *, fixed: np.ndarray | None, until: float
) -> Solution | None:
    """Return the nearest rounding of ``cells`` under ``model``; None when there is none, or none in time.

    ``fixed``: multiples that are decided, NaN where not; they do not enter the loss that counts.
    """
    inside = problem.equations[:, cells]
    whole_rows = np.diff(inside.indptr) == np.diff(problem.equations.indptr)
    inside = inside[whole_rows & (np.diff(inside.indptr) > 0)]
    below, rest, kept, base = problem.below[cells], problem.rest[cells], problem.kept[cells], problem.base
    low, high = np.zeros(len(cells)), (rest > 0).astype(float)
    cost = base - 2 * rest
    holds = ~np.isnan(kept)
    if model.keep_all:
        at = (kept - below)[holds]
        if np.any((at < 0) | (at > high[holds])):
            return None
        low[holds] = high[holds] = at
    else:
        up = holds & (kept > below)
        cost = cost + _MOVED * base * (np.where(up, -1.0, 1.0) * holds)
    decided = np.zeros(len(cells), dtype=bool) if fixed is None else ~np.isnan(fixed)
    offset = below.copy()
    if decided.any():
        offset[decided], low[decided], high[decided] = fixed[decided], 0.0, 0.0
    right = -(inside @ offset)
    columns = inside
    if model.reach:
        wide = np.where(decided, 0.0, float(model.reach))
        further = np.full(len(cells), (_FURTHER + 1) * base)
        cost = np.concatenate([cost, further, further])
        low = np.concatenate([low, np.zeros(2 * len(cells))])
        high = np.concatenate([high, np.minimum(below, wide), wide])
        columns = sparse.hstack([inside, -inside, inside]).tocsr()
    found = _run(columns, right, cost, low, high, until)
    if found is None:
        return None
    steps, bound = found
    if model.reach:
        size = len(cells)
        steps = steps[:size] - steps[size : 2 * size] + steps[2 * size :]
    proven = bound + float(rest.sum()) if model.keep_all and not model.reach else None
    return Solution(offset + steps, proven)


def _run(columns, right, cost, low, high, until) -> tuple[np.ndarray, float] | None:
    """Minimise; first as a linear programme, whose answer is often whole."""
    for integer in (False, True):
        programme = highspy.HighsLp()
        programme.num_col_, programme.num_row_ = len(cost), columns.shape[0]
        programme.col_cost_, programme.col_lower_, programme.col_upper_ = cost, low, high
        programme.row_lower_ = programme.row_upper_ = right
        programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        programme.a_matrix_.start_ = columns.indptr
        programme.a_matrix_.index_, programme.a_matrix_.value_ = columns.indices, columns.data
        if integer:
            programme.integrality_ = [highspy.HighsVarType.kInteger] * len(cost)
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        highs.setOptionValue("mip_rel_gap", _GAP)
        highs.setOptionValue("time_limit", max(0.1, until - time.monotonic()))
        highs.passModel(programme)
        highs.run()
        status = highs.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        values = np.array(highs.getSolution().col_value)
        info = highs.getInfo()
        usable = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        if not integer:
            if status == highspy.HighsModelStatus.kOptimal and np.abs(values - np.rint(values)).max() < 1e-6:
                return np.rint(values), info.objective_function_value
            continue
        return (np.rint(values), info.mip_dual_bound) if usable else None
    return None


def added_up(problem: Problem, cells: np.ndarray) -> np.ndarray:
    """Return the finest cells rounded to the nearest multiple, and all others as their sums.

    A cell is a sum where an equation has it with +1 and all others with -1. Cells that two sums give
    differently make the table's sums fail, which the caller checks.
    """
    inside = problem.equations[:, cells]
    inside = inside[np.diff(inside.indptr) > 0].tocoo()
    multiples = nearest(problem, cells)
    totals = inside.col[inside.data > 0]
    rows = inside.row[inside.data > 0]
    parts = sparse.csr_array(
        (-inside.data[inside.data < 0], (inside.row[inside.data < 0], inside.col[inside.data < 0])),
        shape=inside.shape,
    )
    is_total = np.zeros(len(cells), dtype=bool)
    is_total[totals] = True
    known = ~is_total
    for _ in range(len(cells)):
        ready = (parts @ (~known).astype(float))[rows] == 0
        fresh = ready & ~known[totals]
        if not fresh.any():
            break
        multiples[totals[fresh]] = (parts @ np.where(known, multiples, 0.0))[rows[fresh]]
        known[totals[fresh]] = True
    return multiples
