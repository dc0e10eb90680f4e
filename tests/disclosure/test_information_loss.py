import numpy as np
import pandas as pd

from statloom.disclosure.information_loss import information_loss


def test_cells_and_value_by_level_beside_what_the_primary_cells_hide():
    level = pd.Series(["district", "township", "township", "township"])
    value = np.array([20.0, 3.0, 7.0, 10.0])
    loss = information_loss(
        level, value, np.array([0, 1, 0, 0], dtype=bool), np.array([0, 0, 1, 0], dtype=bool)
    ).set_index("level")
    township = loss.loc["township"]
    assert (township["cells"], township["primary_cells"], township["suppressed_cells"]) == (3, 1, 2)
    assert (township["primary_value_share"], township["suppressed_value_share"]) == (0.15, 0.5)
    assert loss.loc["district", "suppressed_cells_share"] == 0
    assert loss.loc["all", "suppressed_cells"] == 2
    assert loss.loc["all", "suppressed_value_share"] == 0.25


def test_a_level_without_value_loses_no_share_of_it():
    loss = information_loss(pd.Series(["a"]), np.array([0.0]), np.array([False]), np.array([False]))
    assert loss["suppressed_value_share"].tolist() == [0.0, 0.0]
