import numpy as np
import pandas as pd
import pytest

from statloom.disclosure.tables import Dimension, Table


def cube() -> pd.DataFrame:
    inner = {("t1", "F"): 3, ("t1", "M"): 5, ("t2", "F"): 7, ("t2", "M"): 1}
    rows = []
    for place, parts in {"t1": ["t1"], "t2": ["t2"], "_T": ["t1", "t2"]}.items():
        for sex, codes in {"F": ["F"], "M": ["M"], "_T": ["F", "M"]}.items():
            rows.append((place, sex, sum(inner[p, s] for p in parts for s in codes)))
    return pd.DataFrame(rows, columns=["place", "sex", "value"])


DIMENSIONS = [Dimension.tree("place", {"t1": "_T", "t2": "_T"}), Dimension.flat("sex", ["F", "M", "_T"])]


def test_every_sum_of_every_dimension_is_an_equation():
    table = Table.of(cube(), DIMENSIONS)
    assert table.equations.shape == (6, 9)
    assert (table.equations @ table.value == 0).all()
    assert len(set(table.components())) == 1


def test_a_sum_with_a_part_that_has_no_row_is_none():
    frame = cube().query("not (place == 't1' and sex == 'F')")
    assert Table.of(frame, DIMENSIONS).equations.shape == (4, 8)


def test_two_hierarchies_of_one_dimension_link():
    frame = pd.DataFrame({"place": ["a", "b", "c", "old", "new", "_T"], "value": [1, 2, 3, 3, 5, 6]})
    old = Dimension("place", (("old", ("a", "b")), ("_T", ("old", "c"))))
    new = Dimension("place", (("new", ("b", "c")), ("_T", ("a", "new"))))
    assert Table.of(frame, [old.and_also(new)]).equations.shape == (4, 6)


def test_tables_that_are_kept_apart_share_no_equation():
    frame = pd.concat([cube().assign(period=period) for period in ("2011", "2021")])
    table = Table.of(frame, DIMENSIONS, apart=["period"])
    assert len(set(table.components())) == 2
    assert len(table.blocks) == 2


def test_figures_that_do_not_add_up_are_named():
    frame = cube()
    frame.loc[(frame["place"] == "t1") & (frame["sex"] == "_T"), "value"] += 1
    with pytest.raises(ValueError, match=r"2 sums do not add up.*'place': '_T'.* = 16, its parts make 17"):
        Table.of(frame, DIMENSIONS)


def test_two_rows_for_one_cell_are_refused():
    with pytest.raises(ValueError, match="two rows for one cell"):
        Table.of(pd.concat([cube(), cube().head(1)]), DIMENSIONS)


def test_values_stay_in_the_order_of_the_rows():
    frame = cube().sample(frac=1, random_state=1)
    assert np.array_equal(Table.of(frame, DIMENSIONS).value, frame["value"].to_numpy())
