"""Counting rows that share their keys, against comparing every row with every other."""

import numpy as np
import pytest

from statloom.microdata.public_use.frequencies import Combinations, distinct, frequencies, matched


def pairwise(asked, codes):
    same = asked[:, None, :] == codes[None, :, :]
    return (same | (asked[:, None, :] < 0) | (codes[None, :, :] < 0)).all(axis=2)


@pytest.mark.parametrize("missing", [0.0, 0.1, 0.5])
def test_counts_are_those_of_every_pair_of_rows(missing):
    random = np.random.default_rng(7)
    for _ in range(60):
        rows, keys = random.integers(1, 40), random.integers(1, 6)
        codes = random.integers(0, random.integers(1, 5), (rows, keys)).astype(np.int32)
        codes[random.random(codes.shape) < missing] = -1
        weights = random.integers(1, 900, rows) / 4
        fk, population = frequencies(codes, weights)
        pairs = pairwise(codes, codes)
        assert fk.tolist() == pairs.sum(axis=1).tolist()
        np.testing.assert_allclose(population, pairs @ weights)
        asked = random.integers(-1, 6, (9, keys))
        np.testing.assert_allclose(
            matched(asked, codes, weights[:, None])[:, 0], pairwise(asked, codes) @ weights
        )


def test_a_missing_value_matches_every_value_both_ways():
    codes = np.array([[0, 0], [0, 1], [0, -1], [1, -1], [-1, -1], [-1, 1]])
    assert frequencies(codes)[0].tolist() == [3, 4, 5, 3, 6, 5]


def test_categories_beyond_64_bits_are_counted():
    random = np.random.default_rng(3)
    codes = random.integers(0, 100_000, (300, 5))
    codes[100:200] = codes[:100]
    codes[0, 2] = -1
    assert frequencies(codes)[0].tolist() == pairwise(codes, codes).sum(axis=1).tolist()
    assert len(distinct(codes)[0]) == 201


def test_combinations_know_their_rows_and_amounts():
    codes = np.array([[1, 0], [0, 0], [1, 0]])
    found = Combinations(codes, weights=np.array([5.0, 7.0, 1.0]), values=np.array([2, 0, -1]))
    assert found.codes.tolist() == [[0, 0], [1, 0]]
    assert found.amounts.tolist() == [[1, 7, 1, 0, 0], [2, 6, 0, 0, 1]]
    assert found.of_row.tolist() == [1, 0, 1]
    assert found.matched(np.array([[-1, 0]])).tolist() == [[3, 13, 1, 0, 1]]
