"""Diversity of sensitive values, by worked figures."""

import numpy as np

from statloom.microdata.public_use import diversity

COUNTS = np.array([[4, 0, 0], [2, 2, 0], [6, 3, 1], [0, 0, 0], [5, 4, 3]])


def test_distinct_entropy_and_recursive():
    assert diversity.distinct(COUNTS).tolist() == [1, 2, 3, 0, 3]
    shares = np.array([0.6, 0.3, 0.1])
    worked = [1, 2, np.exp(-(shares * np.log(shares)).sum()), 0]
    np.testing.assert_allclose(diversity.entropy(COUNTS)[:4], worked)
    # c = 2: 2 < 2 · 2; 6 < 2 · (3 + 1), and 6 is not below 2 · 1; 5 < 2 · 3.
    assert diversity.recursive(COUNTS, 2).tolist() == [1, 2, 2, 1, 3]
    # c = 1: 5 < 4 + 3, 5 is not below 3.
    assert diversity.recursive(COUNTS, 1).tolist() == [1, 1, 1, 1, 2]


def test_what_is_not_diverse_enough():
    assert diversity.violated(COUNTS, {"distinct": 2}).tolist() == [True, False, False, False, False]
    assert diversity.violated(COUNTS, {"entropy": 2.0}).tolist() == [True, False, False, False, False]
    assert diversity.violated(COUNTS, {"entropy": 2.6}).tolist() == [True, True, True, False, False]
    assert diversity.violated(COUNTS, {"recursive": 3, "c": 2}).tolist() == [True, True, True, False, False]
