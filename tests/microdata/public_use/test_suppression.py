"""Local suppression: nothing stays rare, little is left out, and households stay whole."""

from itertools import product

import numpy as np
import pytest

from statloom.microdata.public_use import diversity
from statloom.microdata.public_use.errors import PublicUseError
from statloom.microdata.public_use.frequencies import Combinations, frequencies
from statloom.microdata.public_use.suppression import Suppression


def test_nobody_stays_rare():
    random = np.random.default_rng(5)
    for _ in range(40):
        rows, keys, k = random.integers(10, 80), random.integers(1, 5), int(random.integers(2, 6))
        codes = random.integers(-1, random.integers(1, 6), (rows, keys)).astype(np.int32)
        _, of = np.unique(random.integers(0, rows // 3, rows), return_inverse=True)
        first = np.unique(of, return_index=True)[1]
        shared = random.random(keys) < 0.5
        codes[:, shared] = codes[first][of][:, shared]
        found = Suppression(codes.copy(), random.random(keys) + 1, shared, of)
        found.reach(k)
        assert frequencies(found.codes)[0].min() >= k
        # What is not left out is as it was; a household's value is left out for all of it.
        kept = found.codes >= 0
        assert (found.codes[kept] == codes[kept]).all()
        assert (found.codes[:, shared] == found.codes[first][of][:, shared]).all()


def test_one_odd_row_costs_one_value():
    codes = np.array([[0, 0]] * 5 + [[1, 1]] * 5 + [[0, 1]])
    found = Suppression(codes, [2, 1])
    found.reach(3)
    assert found.codes[:10].min() >= 0
    # The cheaper one: the last.
    assert found.codes[10].tolist() == [0, -1]


def test_what_is_left_out_of_one_row_saves_the_other():
    codes = np.array([[0, 0], [0, 1]])
    found = Suppression(codes, [2, 1])
    found.reach(2)
    assert sorted(found.codes[:, 1].tolist()) in ([-1, 0], [-1, 1])


def test_it_is_near_the_least_that_small_files_need():
    random = np.random.default_rng(11)
    ours = least = 0
    for _ in range(25):
        codes = random.integers(0, 2, (6, 2))
        found = Suppression(codes.copy(), [1, 1])
        found.reach(2)
        ours += int((found.codes < 0).sum())
        best = 12
        for pattern in product([False, True], repeat=12):
            gone = np.array(pattern).reshape(6, 2)
            if gone.sum() < best and frequencies(np.where(gone, -1, codes))[0].min() >= 2:
                best = int(gone.sum())
        least += best
    assert least <= ours <= 1.5 * least + 1


def test_any_two_keys_may_be_asked_to_be_more_frequent():
    random = np.random.default_rng(2)
    codes = np.minimum(random.geometric(0.4, (200, 3)) - 1, 6)
    found = Suppression(codes, [1.2, 1.1, 1.0])
    found.reach(3)
    found.reach_subsets(2, 8, 3)
    for pair in ([0, 1], [0, 2], [1, 2]):
        assert frequencies(found.codes[:, pair])[0].min() >= 8


@pytest.mark.parametrize("wanted", [{"distinct": 3}, {"entropy": 1.8}, {"recursive": 2, "c": 2}])
def test_rows_with_the_same_keys_become_diverse(wanted):
    random = np.random.default_rng(4)
    codes = np.column_stack([random.integers(0, 6, 400), random.integers(0, 5, 400)])
    values = random.integers(-1, 4, 400)
    values[(codes == [2, 3]).all(axis=1)] = 1
    before = Combinations(codes, values=values)
    assert diversity.violated(before.matched()[:, 1:], wanted).any()
    found = Suppression(codes.copy(), [2, 1])
    found.diversify(values, wanted)
    after = Combinations(found.codes, values=values)
    assert not diversity.violated(after.matched()[:, 1:], wanted).any()
    assert 0 < (found.codes < 0).sum() < 200


def test_what_cannot_be_reached_is_said():
    with pytest.raises(PublicUseError, match="2 rows, fewer than k = 3"):
        Suppression(np.zeros((2, 1), int), [1]).reach(3)
    with pytest.raises(
        PublicUseError, match="1 combinations of values that always show have fewer than k = 3"
    ):
        Suppression(np.array([[0, 0], [0, 1], [0, 0], [1, 0]]), [np.inf, 1]).reach(3)
    with pytest.raises(PublicUseError, match="the file as a whole is not as diverse"):
        Suppression(np.zeros((9, 1), int), [1]).diversify(np.zeros(9, int), {"distinct": 2})
