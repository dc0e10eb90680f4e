"""An attacker of the tests' own: a linear programme over sums written by hand."""

import numpy as np
from scipy.optimize import linprog


def largest(values: dict, hidden: set, sums: list[tuple], cell, *, least: float = 0.0) -> float:
    """The largest value that ``cell`` can have for who sees all ``values`` but the ``hidden`` and knows the
    ``sums`` (whole, parts) and that nothing is below ``least``."""
    unknown = sorted(hidden, key=str)
    place = {name: number for number, name in enumerate(unknown)}
    rows, right = [], []
    for whole, parts in sums:
        row, constant = np.zeros(len(unknown)), 0.0
        for name, factor in ((whole, 1.0), *((part, -1.0) for part in parts)):
            if name in place:
                row[place[name]] += factor
            else:
                constant -= factor * values[name]
        rows.append(row)
        right.append(constant)
    objective = np.zeros(len(unknown))
    objective[place[cell]] = -1.0
    found = linprog(objective, A_eq=np.array(rows), b_eq=np.array(right), bounds=(least, None))
    return np.inf if found.status == 3 else -found.fun
