"""What the public can still work out of figures that were rounded or perturbed."""

import highspy
import numpy as np
from scipy import sparse

from statloom.disclosure.tables import Table


def possible(
    table: Table, low: np.ndarray, high: np.ndarray, cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest value of each of ``cells`` (positions) that the public can believe.

    ``low, high``: what each cell's own published figure allows, one a cell of ``table``: of a figure ``r``
    rounded to base ``b``, ``max(0, r - b + 1)`` and ``r + b - 1``. All sums of the true figures hold. Two
    linear programmes a cell: for tests and for tables of some thousand cells. Values are rounded inwards.
    Raises ValueError where no figures agree with all of this.
    """
    equations = sparse.csr_array(table.equations)
    size = equations.shape[1]
    programme = highspy.HighsLp()
    programme.num_col_, programme.num_row_ = size, equations.shape[0]
    programme.col_cost_ = np.zeros(size)
    programme.col_lower_, programme.col_upper_ = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    programme.row_lower_ = programme.row_upper_ = np.zeros(equations.shape[0])
    programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    programme.a_matrix_.start_, programme.a_matrix_.index_ = equations.indptr, equations.indices
    programme.a_matrix_.value_ = equations.data
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.passModel(programme)
    ends = np.empty((2, len(cells)))
    for position, cell in enumerate(np.asarray(cells).tolist()):
        for side, sign in enumerate((1.0, -1.0)):
            highs.changeColCost(cell, sign)
            highs.run()
            if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                raise ValueError("no figures agree with all that is published")
            ends[side, position] = sign * highs.getInfo().objective_function_value
            highs.changeColCost(cell, 0.0)
    return np.ceil(ends[0] - 1e-6), np.floor(ends[1] + 1e-6)
