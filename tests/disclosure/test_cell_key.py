"""The cell-key method: the noise's distribution, and that it is the respondents' own."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from statloom.disclosure.perturbation import (
    aggregate_draws,
    cell_draws,
    noise_table,
    perturbed,
    record_key_sql,
    record_keys,
    share,
)
from statloom.disclosure.perturbation.cell_key import MODULUS

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("variance", "largest", "smallest"),
    [(1, 2, 1), (3, 5, 3), (2, 4, 2), (1, 20, 1), (2.5, 5, 3), (0.01, 2, 1)],
)
def test_noise_has_mean_zero_the_variance_and_no_forbidden_result(variance, largest, smallest):
    table = noise_table(variance=variance, largest=largest, smallest=smallest)
    probability, noise = table.probability, table.noise
    assert np.all(probability >= 0)
    assert probability.sum(axis=1) == pytest.approx(1)
    assert probability @ noise == pytest.approx(0, abs=1e-8)
    spread = probability @ noise**2
    assert spread[0] == 0
    assert spread[1:] == pytest.approx(variance, abs=1e-7)
    result = np.arange(len(probability))[:, None] + noise
    forbidden = (result < 0) | ((result > 0) & (result < smallest))
    assert np.all(probability[forbidden] == 0)
    assert probability[-1] == pytest.approx(probability[-1][::-1])
    # Of maximum entropy: the logarithm is a quadratic of the noise wherever it may be.
    for count in range(1, len(probability)):
        there = (probability[count] > 1e-12) & ~forbidden[count]
        if there.sum() > 3:
            fit = np.polyfit(noise[there], np.log(probability[count, there]), 2, full=True)
            assert fit[1] == pytest.approx(0, abs=1e-4)


def test_table_agrees_with_published_numbers():
    """Of the package ptable (Enderle, Destatis; its introduction): D = 2, V = 1, the row of 2."""
    table = noise_table(variance=1, largest=2)
    assert table.probability[2] == pytest.approx([0.0638, 0.2447, 0.3830, 0.2447, 0.0638], abs=6e-5)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"variance": 1, "largest": 3, "smallest": 2}, "a count of 1.*between 1 and 3.*cannot be 1"),
        ({"variance": 11, "largest": 5}, "noise spread evenly from -5 to 5, 10"),
        ({"variance": 0, "largest": 5}, "a variance above 0"),
        ({"variance": 1, "largest": 0}, "a largest size of 1 or more"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_the_reason(given, reason):
    with pytest.raises(ValueError, match=reason):
        noise_table(**given)


def test_counts_that_a_figure_leaves_possible():
    table = noise_table(variance=3, largest=5, smallest=3)
    assert table.reach(0) == (0, 5)
    assert table.reach(3) == (1, 8)
    assert table.reach(20) == (15, 25)


def test_perturbed_counts_are_unbiased_and_of_the_variance():
    table = noise_table(variance=3, largest=5, smallest=3)
    names = [f"cell {number}" for number in range(60_000)]
    count = np.arange(60_000) % 12
    noise = perturbed(count, aggregate_draws(names, count, key=KEY), table) - count
    assert np.all(noise[count == 0] == 0)
    for each in range(1, 12):
        of = noise[count == each]
        assert abs(of.mean()) < 4 * np.sqrt(3 / len(of))
        assert of.var() == pytest.approx(3, rel=0.15)
        assert not np.isin(of + each, [1, 2]).any()
    assert np.abs(noise).max() == 5


def persons(count: int = 3000) -> pd.DataFrame:
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "person": [f"household {n // 3}, person {n % 3}" for n in range(count)],
            "district": random.integers(0, 30, count),
            "province": 0,
            "sex": random.choice(["F", "M"], count),
            "age": random.integers(0, 12, count),
        }
    )


def tabulated(units: pd.DataFrame, by: list[str], table) -> pd.Series:
    """Perturbed counts of a table of unit records."""
    units = units.assign(key=record_keys(units["person"], key=KEY))
    cells = units.groupby(by)["key"].agg(["size", "sum"])
    return pd.Series(perturbed(cells["size"], cell_draws(cells["sum"]), table), cells.index)


def test_the_same_respondents_have_the_same_noise_in_every_table_and_release():
    table = noise_table(variance=3, largest=5, smallest=3)
    units = persons()
    fine = tabulated(units, ["district", "sex", "age"], table)
    coarse = tabulated(units, ["district"], table)
    # Another table, whose cell has the same people under another name.
    women = units[units["sex"] == "F"]
    assert tabulated(women, ["district", "age"], table).equals(fine.xs("F", level="sex"))
    renamed = tabulated(units.assign(unit="u" + units["district"].astype(str)), ["unit"], table)
    assert sorted(renamed) == sorted(coarse)
    # A later release, in another order, in which one person is new.
    new = pd.DataFrame({"person": ["new"], "district": [4], "province": [0], "sex": ["F"], "age": [3]})
    later = pd.concat([new, units.sample(frac=1, random_state=2)], ignore_index=True)
    again = tabulated(later, ["district", "sex", "age"], table)
    differing = again.index[~(again == fine.reindex(again.index))]
    assert set(differing) <= {(4, "F", 3)}


def test_differencing_two_tables_gives_noise_not_the_person():
    """The noise of a set with one person more is independent of that without."""
    table = noise_table(variance=3, largest=5, smallest=3)
    keys = record_keys([f"person {n}" for n in range(20_000)], key=KEY)
    one_less = cell_draws(keys[:-1].sum() - keys[:-1])
    size = np.full(len(keys) - 1, len(keys) - 2)
    noise = perturbed(size, one_less, table) - size
    assert noise.var() == pytest.approx(3, rel=0.1)
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 0.03


def test_record_keys_are_uniform_and_the_same_in_duckdb():
    names = [f"unit {number}" for number in range(20_000)]
    keys = record_keys(names, key=KEY)
    assert 0 <= keys.min() <= keys.max() < MODULUS
    assert np.histogram(keys, bins=20, range=(0, MODULUS))[0] == pytest.approx(1000, rel=0.15)
    frame = pd.DataFrame({"name": names})  # noqa: F841  read by DuckDB
    found = duckdb.sql(f"select {record_key_sql('name', key=KEY)} as key from frame").fetchnumpy()["key"]
    assert np.array_equal(found, keys)
    assert not np.array_equal(record_keys(names, key=bytes(32)), keys)


def test_shares_of_perturbed_parts():
    numerator, value = share(
        np.array([4.0, 9, 3, 0]),
        np.array([8.0, 7, 7, 0]),
        whole=np.array([False, False, True, False]),
        per=100,
    )
    assert numerator.tolist() == [4, 7, 7, 0]
    assert value == pytest.approx([50, 100, 100, np.nan], nan_ok=True)


def test_counts_of_divided_units_become_whole_and_nonsense_is_refused():
    table = noise_table(variance=1, largest=2)
    made = perturbed([12.4, np.nan, 0.3], np.array([0.5, 0.5, 0.99]), table)
    assert made == pytest.approx([12, np.nan, 0], nan_ok=True)
    with pytest.raises(ValueError, match="negative or infinite"):
        perturbed([-1], np.array([0.5]), table)
