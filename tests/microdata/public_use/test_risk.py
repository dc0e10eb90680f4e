"""The risk of persons, households and files, against published and worked figures."""

from math import log

import numpy as np
import pytest
from scipy.integrate import quad

from statloom.microdata.public_use import risk
from statloom.microdata.public_use.frequencies import frequencies

# Eight rows with their weights, and the risk of each: the example of Capobianchi, Polettini and Lucarelli
# (2001), with which the manual of sdcMicro shows freqCalc and indivRisk.
KEYS = np.array(
    [
        [1, 2, 5, 1],
        [1, 2, 1, 1],
        [1, 2, 1, 1],
        [3, 3, 1, 5],
        [4, 3, 1, 4],
        [4, 3, 1, 1],
        [6, 2, 1, 5],
        [1, 2, 5, 1],
    ]
)
WEIGHTS = np.array([18, 45.5, 39, 17, 541, 8, 5, 92])
FK = [2, 2, 2, 1, 1, 1, 1, 2]
POPULATION = [110, 84.5, 84.5, 17, 541, 8, 5, 110]
RISK = [0.01714426, 0.02204233, 0.02204233, 0.17707583, 0.01165448, 0.29706308, 0.40235948, 0.01714426]


def test_the_example_of_the_literature():
    fk, population = frequencies(KEYS, WEIGHTS)
    assert fk.tolist() == FK
    assert population.tolist() == POPULATION
    np.testing.assert_allclose(risk.individual(fk, population), RISK, atol=5e-9)


def test_the_closed_forms_by_hand():
    odds = 1 / 19
    assert risk.individual([1], [20.0])[0] == pytest.approx(odds * log(20))
    assert risk.individual([2], [40.0])[0] == pytest.approx(odds - odds**2 * log(20))
    assert risk.individual([3], [60.0])[0] == pytest.approx(0.05 / (3 - 0.95))


def test_the_file_that_is_its_population():
    np.testing.assert_allclose(risk.individual([1, 2, 4]), [1, 0.5, 0.25])
    np.testing.assert_allclose(risk.individual([1, 2, 4], [1.0, 2.0, 4.0]), [1, 0.5, 0.25])
    # Weights below 1 would give more than all.
    np.testing.assert_allclose(risk.individual([2, 3], [1.5, 2.9]), [1 / 2, 1 / 3])


@pytest.mark.parametrize("fk", [1, 2, 3, 7, 60])
@pytest.mark.parametrize("share", [0.9, 0.3, 0.02])
def test_the_exact_risk_is_the_expected_value_of_one_by_the_population(fk, share):
    # E[1 / F] of a negative binomial F: the integral of its generating function.
    generating = lambda t: (share * np.exp(-t) / (1 - (1 - share) * np.exp(-t))) ** fk  # noqa: E731
    expected, _ = quad(generating, 0, 200, limit=400, points=[0.001, 0.01, 0.1, 1, 10])
    found = risk.individual([fk], [fk / share], exact=True)[0]
    assert found == pytest.approx(expected, rel=1e-6)
    # The approximation for more than two rows is never far above, and is no lower.
    near = risk.individual([fk], [fk / share])[0]
    assert expected * (1 - 1e-6) <= near <= 1.2 * expected


def test_a_household_is_recognised_when_any_member_is():
    each = np.array([0.1, 0.2, 0.5, 0.0, 1.0, 0.3])
    found = risk.household(each, np.array([0, 0, 1, 1, 2, 2]))
    np.testing.assert_allclose(found, [0.28, 0.28, 0.5, 0.5, 1, 1])


def test_the_whole_file():
    found = risk.measure(np.array(FK), np.array(POPULATION), np.array([0, 0, 1, 1, 2, 2, 3, 3]))
    assert found.expected == pytest.approx(sum(RISK), abs=1e-7)
    assert found.individual == pytest.approx(sum(RISK) / 8, abs=1e-8)
    a, b, c, d = (1 - (1 - RISK[i]) * (1 - RISK[i + 1]) for i in (0, 2, 4, 6))
    assert found.household == pytest.approx((a + b + c + d) / 4, abs=1e-7)
    assert found.highest == pytest.approx(0.40235948, abs=1e-8)
    assert found.above == {"0.01": 1.0, "0.05": 3 / 8, "0.1": 3 / 8, "0.2": 2 / 8}
    assert (found.unique, found.participation) == (4, 6 / 8)
