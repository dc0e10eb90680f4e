"""What suppression takes from the users of a table, by place level."""

import numpy as np
import pandas as pd

ALL = "all"


def information_loss(
    level: pd.Series, value: np.ndarray, primary: np.ndarray, secondary: np.ndarray
) -> pd.DataFrame:
    """Return one row per ``level`` (in order of appearance), then one for ``all``.

    ``level``, ``value``, ``primary`` and ``secondary`` are over the cells of the table. Columns: ``cells``
    and their ``value``; ``primary_cells`` and ``primary_value``, what the small cells alone hide;
    ``suppressed_cells`` and ``suppressed_value``, what is left out in the end; and the same four as shares of
    the level (0 to 1; of an empty level or one without value, 0).
    """
    primary = np.asarray(primary, dtype=bool)
    left_out = primary | np.asarray(secondary, dtype=bool)
    amount = np.asarray(value, dtype=float)
    table = pd.DataFrame(
        {
            "cells": 1,
            "value": amount,
            "primary_cells": primary.astype(int),
            "primary_value": amount * primary,
            "suppressed_cells": left_out.astype(int),
            "suppressed_value": amount * left_out,
        }
    )
    by_level = table.groupby(level.reset_index(drop=True), sort=False).sum()
    loss = pd.concat([by_level, table.sum().to_frame(ALL).T]).rename_axis("level")
    counts = ["cells", "primary_cells", "suppressed_cells"]
    loss[counts] = loss[counts].astype(int)
    for name in ("primary", "suppressed"):
        for of in ("cells", "value"):
            whole = loss[of].replace(0, np.nan)
            loss[f"{name}_{of}_share"] = (loss[f"{name}_{of}"] / whole).fillna(0.0)
    return loss.reset_index()
