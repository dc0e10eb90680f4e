"""How far left-out cells may be from their values, when all cells given here are left out."""

import numpy as np
from scipy import sparse

from statloom.disclosure.secondary_attack import DOWN, UP, Problem, unmet

STEPS = 32


def reaches(
    equations: sparse.csr_array, down: np.ndarray, cell: np.ndarray, upwards: bool, need: np.ndarray
) -> np.ndarray:
    """Return which of the cells ``cell`` (positions) can be ``need`` above (or below) their values.

    ``equations``: sums over the cells, whose changes add up to 0; ``down``: how far each cell can fall.
    """
    nothing = np.zeros(len(down), dtype=bool)
    unit = max(1.0, float(np.median(need)) / 1000.0) if len(need) else 1.0
    sign = np.full(len(cell), UP if upwards else DOWN)
    problem = Problem(equations, down / unit, np.zeros(len(down)), nothing, ~nothing, cell, sign, need / unit)
    return ~unmet(problem, ~nothing)


def reach(
    equations: sparse.csr_array, down: np.ndarray, cell: np.ndarray, upwards: bool, most: np.ndarray
) -> np.ndarray:
    """Return how far each of the cells ``cell`` can be above (or below) its value, up to ``most``.

    In whole steps of 1 where ``most`` is at most ``STEPS``, else in as many steps of equal size.
    """
    found = np.zeros(len(cell))
    size = np.maximum(most / STEPS, 1.0)
    left = np.flatnonzero(most > 0)
    while len(left):
        further = np.minimum(found[left] + size[left], most[left])
        can = reaches(equations, down, cell[left], upwards, further)
        found[left[can]] = further[can]
        left = left[can]
        left = left[found[left] < most[left]]
    return found
