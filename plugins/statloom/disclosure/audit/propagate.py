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
    entries = sparse.coo_array(rows)
    entries.eliminate_zeros()
    row, column, factor = entries.row, entries.col, entries.data
    positive = factor > 0
    count = rows.shape[0]
    for _ in range(rounds):
        most = factor * np.where(positive, upper[column], lower[column])
        least = factor * np.where(positive, lower[column], upper[column])
        ceiling = _without(row, least, count, -np.inf)
        floor = _without(row, most, count, np.inf)
        # factor * x <= high - least of the others, factor * x >= low - most of the others
        above = (high[row] - ceiling) / factor
        below = (low[row] - floor) / factor
        new_upper, new_lower = upper.copy(), lower.copy()
        np.minimum.at(new_upper, column, np.where(positive, above, below))
        np.maximum.at(new_lower, column, np.where(positive, below, above))
        new_upper[integers] = np.floor(new_upper[integers] + 1e-6)
        new_lower[integers] = np.ceil(new_lower[integers] - 1e-6)
        moved = (new_upper < upper - 1e-7) | (new_lower > lower + 1e-7)
        upper, lower = new_upper, new_lower
        if not moved.any() or (lower > upper + 1e-6).any():
            break
    return lower, upper


def _without(row: np.ndarray, amount: np.ndarray, count: int, infinite: float) -> np.ndarray:
    """Return for each entry the sum of the other entries of its row, ``infinite`` if one of them is."""
    endless = ~np.isfinite(amount)
    finite = np.where(endless, 0.0, amount)
    total = np.bincount(row, weights=finite, minlength=count)[row] - finite
    others = np.bincount(row, weights=endless, minlength=count)[row] - endless
    return np.where(others > 0.5, infinite, total)
