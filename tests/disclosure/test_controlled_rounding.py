"""Controlled rounding: sums hold, neighbouring multiples, as near as can be, kept from release to release."""

import itertools

import numpy as np
import pytest
from scipy import sparse

from benchmarks import disclosure_tables
from statloom.disclosure.perturbation import controlled_rounding, possible, rounding_model
from statloom.disclosure.tables import Table
from tests.disclosure.rounding_tables import crossed, flat


def check(table: Table, rounded, base: int, further: int = 0) -> None:
    assert np.all(rounded.value % base == 0)
    assert np.all(rounded.value >= 0)
    assert not np.any(table.equations @ rounded.value)
    far = np.abs(rounded.value - table.value) >= base
    assert np.array_equal(np.flatnonzero(far), rounded.further)
    assert len(rounded.further) <= further
    assert rounded.loss == pytest.approx(np.abs(rounded.value - table.value).sum())


@pytest.mark.parametrize("base", [3, 5])
@pytest.mark.parametrize("shape", [(9,), (6, 7), (4, 3, 5)])
def test_sums_hold_in_one_two_and_three_dimensions(shape, base):
    random = np.random.default_rng(sum(shape) * base)
    for _ in range(5):
        table = crossed(random.poisson(4, shape))
        rounded = controlled_rounding(table, base=base)
        check(table, rounded, base)
        multiples = table.value % base == 0
        assert np.array_equal(rounded.value[multiples], table.value[multiples])


def test_no_rounding_is_nearer():
    """Against all tables of neighbouring multiples, counted out."""
    random = np.random.default_rng(7)
    for _ in range(10):
        table = crossed(random.integers(0, 8, (2, 3)))
        below = np.floor(table.value / 3) * 3
        nearest = min(
            np.abs(tried - table.value).sum()
            for ups in itertools.product(*([0, 3] if v % 3 else [0] for v in table.value))
            if not np.any(table.equations @ (tried := below + np.array(ups)))
        )
        rounded = controlled_rounding(table, base=3)
        assert rounded.loss == pytest.approx(nearest)
        assert rounded.bound == pytest.approx(nearest)


def test_where_no_neighbouring_table_exists_the_further_cells_are_named():
    """A 2 x 2 x 3 table whose multiples cannot all stay."""
    table = crossed(np.array([[[2, 0, 2], [0, 2, 0]], [[0, 2, 1], [1, 1, 2]]]))
    rounded = controlled_rounding(table, base=3)
    check(table, rounded, 3, further=1)
    assert rounded.bound is None
    problem = rounding_model.Problem(
        sparse.csr_array(table.equations),
        np.floor(table.value / 3),
        table.value % 3,
        np.full(len(table.value), np.nan),
        3,
    )
    strict = rounding_model.solve(
        problem, np.arange(len(table.value)), rounding_model.STAGES[0], fixed=None, until=np.inf
    )
    assert strict is None
    assert len(rounded.further) == 1


@pytest.mark.parametrize("base", [3, 5])
def test_hierarchies_and_time(base):
    """s1 at its optimum; m1 in its blocks when there is no time for more."""
    frame, dimensions = disclosure_tables.frame("s1")
    table = Table.of(frame, dimensions)
    rounded = controlled_rounding(table, base=base)
    check(table, rounded, base)
    assert rounded.loss == rounded.bound
    frame, dimensions = disclosure_tables.frame("m1")
    table = Table.of(frame, dimensions)
    quick = controlled_rounding(table, base=base, whole=0)
    check(table, quick, base, further=20)
    assert quick.bound is None
    # The optimum was 10,870 and 18,952.
    assert quick.loss < {3: 10_870, 5: 18_952}[base] * 1.03


def test_what_an_earlier_release_showed_is_kept():
    random = np.random.default_rng(11)
    inner = random.poisson(6, (8, 6))
    former = crossed(inner)
    shown = controlled_rounding(former, base=5)
    # Not the rounding that would be chosen anew, but one that has gone out.
    revised = inner.copy()
    revised[2, 3] += 1
    table = crossed(revised)
    same = table.value == former.value
    again = controlled_rounding(table, base=5, keep=np.where(same, shown.value, np.nan))
    check(table, again, 5)
    changed = np.flatnonzero(again.value != shown.value)
    assert set(changed[same[changed]]) == set(again.moved)
    assert len(again.moved) <= 4
    unchanged = controlled_rounding(former, base=5, keep=shown.value)
    assert np.array_equal(unchanged.value, shown.value)
    assert len(unchanged.moved) == 0


def test_a_worse_rounding_is_kept_once_it_has_gone_out():
    table = flat([1, 1, 1, 2, 4])
    out = np.array([9.0, 0, 0, 3, 0, 6])
    rounded = controlled_rounding(table, base=3, keep=out)
    assert np.array_equal(rounded.value, out)
    free = controlled_rounding(table, base=3)
    assert free.loss < rounded.loss


@pytest.mark.parametrize("base", [3, 5])
def test_no_small_count_is_known_to_be_small(base):
    """Whoever knows base and sums finds for every small count that 0, or the base or more, is possible."""
    random = np.random.default_rng(base)
    table = crossed(random.poisson(2, (5, 4, 3)))
    rounded = controlled_rounding(table, base=base)
    check(table, rounded, base)
    small = np.flatnonzero((table.value > 0) & (table.value < base))
    low, high = possible(table, np.maximum(0, rounded.value - base + 1), rounded.value + base - 1, small)
    assert np.all((low <= table.value[small]) & (table.value[small] <= high))
    assert np.all((low == 0) | (high >= base))
    # What is shown is itself a table that may be the true one: it is rounded to itself.
    shown = Table(table.cells, rounded.value, table.equations, table.blocks)
    assert np.array_equal(controlled_rounding(shown, base=base).value, rounded.value)


def test_cells_without_sums_go_to_the_nearest_multiple():
    table = Table(flat([1]).cells.iloc[:0], np.array([1.0, 2, 4, 5]), sparse.csr_array((0, 4)), ())
    assert controlled_rounding(table, base=3).value.tolist() == [0, 3, 3, 6]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"base": 4}, "base 4"),
        ({"keep": np.array([4.0, np.nan, np.nan])}, "no multiple of 3"),
        ({"value": np.array([5.0, 2, 2])}, "1 sums of the table do not hold"),
        ({"value": np.array([0.0, -2, 2])}, "only counts are rounded"),
    ],
)
def test_what_cannot_be_rounded_is_refused(change, reason):
    table = flat([2, 2])
    value = change.pop("value", table.value)
    with pytest.raises(ValueError, match=reason):
        controlled_rounding(Table(table.cells, value, table.equations, table.blocks), **{"base": 3, **change})
