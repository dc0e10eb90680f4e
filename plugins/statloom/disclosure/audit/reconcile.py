"""What to give up where the published figures contradict each other.

Sums may be believed that do not hold everywhere, and a left-out cell may have been revised without a word.
Then as little is given up as makes the figures possible, by a linear programme.
"""

import numpy as np
from scipy import sparse

from statloom.disclosure.audit.intervals import components, model_of, solve
from statloom.disclosure.audit.system import System

# What is not given up is dearer than all that is.
HARD = 1e4


def contradictory(system: System) -> np.ndarray:
    """Return the unknowns of connected parts that no figures satisfy."""
    off = _off(system, np.ones(len(system.low))) > 1e-6
    found = [np.zeros(0, dtype=np.int64)]
    for cells, lines in components(system.rows, system.upper > system.lower):
        if off[lines].any():
            found.append(cells)
    return np.concatenate(found)


def given_up(system: System) -> np.ndarray:
    """Return which rows to give up, over all rows: of the soft ones as few as make figures possible."""
    soft = np.isfinite(system.soft)
    if not soft.any():
        return soft
    return soft & (_off(system, np.where(soft, system.soft, HARD)) > 1e-6)


def _off(system: System, price: np.ndarray) -> np.ndarray:
    """Return how far each row has to be off, in all as little as possible at its price."""
    open_ = np.flatnonzero(system.upper > system.lower)
    known = system.lower.copy()
    known[open_] = 0.0
    total = system.rows @ known
    off = np.maximum(np.maximum(system.low - total, total - system.high), 0.0)
    inner = sparse.csr_array(system.rows[:, open_])
    used = np.flatnonzero(np.diff(inner.indptr))
    off[used] = 0.0
    if not len(used):
        return off
    many, count = len(used), len(open_)
    unit = sparse.eye_array(many, format="csr")
    model = model_of(
        sparse.csr_array(sparse.hstack([inner[used], unit, -unit])),
        (system.low - total)[used],
        (system.high - total)[used],
        np.concatenate([system.lower[open_], np.zeros(2 * many)]),
        np.concatenate([system.upper[open_], np.full(2 * many, np.inf)]),
    )
    index = np.arange(count, count + 2 * many, dtype=np.int32)
    model.changeColsCost(2 * many, index, -np.tile(price[used], 2))
    values = solve(model)
    off[used] = values[count : count + many] + values[count + many :]
    return off
