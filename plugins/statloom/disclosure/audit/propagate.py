"""Bounds that follow from single sums, passed on from sum to sum until nothing moves."""

import numpy as np
from scipy import sparse


def tighten(
    rows: sparse.csr_array,
    low: np.ndarray,
    high: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    integers: np.ndarray,
    rounds: int = 60,
) -> tuple[np.ndarray, np.ndarray]:
    """Return tighter ``lower`` and ``upper`` for ``low <= rows @ x <= high``, all still true.

    Unknowns with ``integers`` are rounded inwards. A lower bound above its upper one means that the figures
    contradict each other.
    """
    lower, upper = lower.astype(float).copy(), upper.astype(float).copy()
    entries = sparse.csr_array(rows)
    open_ = upper > lower
    total = entries @ np.where(open_, 0.0, lower)
    low, high = low - total, high - total
    columns = np.flatnonzero(open_)
    inner = sparse.coo_array(entries[:, columns])
    column, all_rows = columns[inner.col], inner.row
    factor = inner.data
    positive = factor > 0
    at = np.arange(len(factor))
    for _ in range(rounds):
        row, of, by, up = all_rows[at], column[at], factor[at], positive[at]
        most = by * np.where(up, upper[of], lower[of])
        least = by * np.where(up, lower[of], upper[of])
        # factor * x <= high - least of the others, factor * x >= low - most of the others
        above = (high[row] - _without(row, least, len(low), -np.inf)) / by
        below = (low[row] - _without(row, most, len(low), np.inf)) / by
        new_upper, new_lower = upper.copy(), lower.copy()
        np.minimum.at(new_upper, of, np.where(up, above, below))
        np.maximum.at(new_lower, of, np.where(up, below, above))
        new_upper[integers] = np.floor(new_upper[integers] + 1e-6)
        new_lower[integers] = np.ceil(new_lower[integers] - 1e-6)
        moved = (new_upper < upper - 1e-7) | (new_lower > lower + 1e-7)
        upper, lower = np.where(moved, new_upper, upper), np.where(moved, new_lower, lower)
        if not moved.any() or (lower > upper + 1e-6).any():
            break
        # Only sums with a cell that has moved can tell more.
        touched = np.zeros(len(low), dtype=bool)
        touched[all_rows[moved[column]]] = True
        at = np.flatnonzero(touched[all_rows])
    return lower, upper


def _without(row: np.ndarray, amount: np.ndarray, count: int, infinite: float) -> np.ndarray:
    """Return for each entry the sum of the other entries of its row, ``infinite`` if one of them is."""
    endless = ~np.isfinite(amount)
    finite = np.where(endless, 0.0, amount)
    total = np.bincount(row, weights=finite, minlength=count)[row] - finite
    others = np.bincount(row, weights=endless, minlength=count)[row] - endless
    return np.where(others > 0.5, infinite, total)
