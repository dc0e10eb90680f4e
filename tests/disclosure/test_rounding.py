"""Random rounding: unbiased, the same everywhere, and what it leaves open to the public."""

import numpy as np
import pytest

from statloom.disclosure.perturbation import keyed, possible, random_rounding
from tests.disclosure.rounding_tables import flat

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


def identities(count: int, prefix: str = "cell") -> list[str]:
    return [f"{prefix} {number}" for number in range(count)]


@pytest.mark.parametrize("base", [3, 5])
def test_figures_go_to_neighbouring_multiples_without_bias(base):
    count = 40_000
    value = np.arange(count) % 23
    rounded = random_rounding(value, identities(count), base=base, key=KEY)
    assert np.all(rounded % base == 0)
    assert np.abs(rounded - value).max() == base - 1
    for remainder in range(base):
        there = value % base == remainder
        up = (rounded[there] > value[there]).mean()
        # Four standard errors of a share.
        expected = remainder / base
        assert abs(up - expected) <= 4 * np.sqrt(expected * (1 - expected) / there.sum())
    assert abs((rounded - value).mean()) < 4 * (base / 2) / np.sqrt(count)


def test_multiples_stay_and_so_does_what_is_missing():
    value = [0, 5, 10, np.nan, 250]
    assert random_rounding(value, identities(5), base=5, key=KEY) == pytest.approx(value, nan_ok=True)


def test_a_cell_with_the_same_figure_is_rounded_alike_in_every_table():
    value, names = np.arange(500) % 40, identities(500)
    first = random_rounding(value, names, base=3, key=KEY)
    order = np.random.default_rng(1).permutation(500)[:200]
    again = random_rounding(value[order], [names[cell] for cell in order], base=3, key=KEY)
    assert np.array_equal(again, first[order])
    assert not np.array_equal(random_rounding(value, names, base=3, key=OTHER), first)
    assert not np.array_equal(random_rounding(value, identities(500, "other"), base=3, key=KEY), first)


def test_a_changed_figure_draws_anew_and_the_others_stay():
    value, names = np.full(300, 7.0), identities(300)
    first = random_rounding(value, names, base=3, key=KEY)
    revised = value.copy()
    revised[:100] = 8
    again = random_rounding(revised, names, base=3, key=KEY)
    assert np.array_equal(again[100:], first[100:])
    assert 40 < (again[:100] == 9).sum() < 90


def test_counts_of_divided_units_are_rounded_without_bias_too():
    value = np.full(20_000, 4.25)
    rounded = random_rounding(value, identities(20_000), base=5, key=KEY)
    assert set(rounded) == {0.0, 5.0}
    assert abs(rounded.mean() - 4.25) < 0.06


@pytest.mark.parametrize(
    ("value", "base", "key", "reason"),
    [
        ([1, 2], 4, KEY, "base 4: figures are rounded to base 3 or 5"),
        ([1, -2], 3, KEY, "only counts are rounded"),
        ([1, np.inf], 3, KEY, "only counts are rounded"),
        ([1], 3, KEY, "1 figures and 2 identities"),
        ([1, 2], 3, b"short", "at least 32 bytes"),
    ],
)
def test_what_cannot_be_rounded_is_refused(value, base, key, reason):
    with pytest.raises(ValueError, match=reason):
        random_rounding(value, identities(2), base=base, key=key)


def test_identities_tell_cells_apart():
    assert keyed.identities(["a", "ab"], ["bc", "c"]) == ["a\x1fbc", "ab\x1fc"]
    with pytest.raises(ValueError, match="U\\+001F"):
        keyed.identities(["a\x1fb"])


def test_margins_of_their_own_can_give_a_cell_away():
    """Why random rounding is not sold as protection of tables: 2 + 2 = 4, published as 0 + 0 = 6."""
    table = flat([2, 2])
    shown = np.array([6.0, 0.0, 0.0])
    low, high = possible(table, np.maximum(0, shown - 2), shown + 2, np.arange(3))
    assert low.tolist() == high.tolist() == [4, 2, 2]
