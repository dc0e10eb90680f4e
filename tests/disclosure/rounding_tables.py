"""Tables for the tests of rounding."""

import itertools

import numpy as np
import pandas as pd

from statloom.disclosure.tables import Dimension, Table


def flat(parts: list[int]) -> Table:
    """One sum: its total first, then the parts."""
    codes = ["_T", *(f"p{number}" for number in range(len(parts)))]
    frame = pd.DataFrame({"part": codes, "value": [sum(parts), *parts]})
    return Table.of(frame, [Dimension.flat("part", codes)])


def crossed(inner: np.ndarray) -> Table:
    """The table of ``inner`` with all margins; one dimension an axis, ``a0, a1, …``."""
    full = inner
    for axis in range(inner.ndim):
        full = np.concatenate([full, full.sum(axis=axis, keepdims=True)], axis=axis)
    codes = [[*(f"c{number}" for number in range(size - 1)), "_T"] for size in full.shape]
    names = [f"a{axis}" for axis in range(full.ndim)]
    frame = pd.DataFrame(list(itertools.product(*codes)), columns=names)
    frame["value"] = full.reshape(-1)
    return Table.of(frame, [Dimension.flat(name, c) for name, c in zip(names, codes, strict=True)])
