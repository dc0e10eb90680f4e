"""What earlier releases give away, whatever a new one leaves out."""

import numpy as np
from scipy import sparse

from statloom.disclosure.reach import reach, reaches
from statloom.disclosure.tables import within


def given_before(
    equations: sparse.csr_array,
    down: np.ndarray,
    parts: list[np.ndarray],
    asked: np.ndarray,
    rise: np.ndarray,
    fall: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the unknowns ``asked`` (a mask) earlier releases give away, and how far each of those
    is still possible above and below its value (two rows, over all unknowns).

    ``parts``: the connected parts (positions) of what earlier releases do not show. All of it is taken as
    left out, also what the new release shows in any case: where ``rise`` above or ``fall`` below the value is
    impossible even so, that is no doing of the new release. What is still possible must stay so. ``down``:
    how far each unknown can fall at most.
    """
    lost = np.zeros(len(asked), dtype=bool)
    still = np.zeros((2, len(asked)))
    for part in parts:
        inner = within(equations, part)
        cell = np.flatnonzero(asked[part])
        far = down[part]
        gone = np.zeros(len(cell), dtype=bool)
        for upwards, need in ((True, rise), (False, fall)):
            demanded = np.flatnonzero(need[part[cell]] > 0)
            possible = reaches(inner, far, cell[demanded], upwards, need[part[cell[demanded]]])
            gone[demanded[~possible]] = True
        cell = cell[gone]
        lost[part[cell]] = True
        still[0, part[cell]] = reach(inner, far, cell, True, rise[part[cell]])
        # Nor may less be known of it from below: between 2 and 4 tells more than between 1 and 4.
        still[1, part[cell]] = reach(inner, far, cell, False, far[cell])
    return lost, still
