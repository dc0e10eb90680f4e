"""How often the intervals hold the truth: 500 samples from a synthetic population with clusters.

All samples stand in one table, each with its own strata, and each is a domain: what a domain's variance takes
from other strata is nothing, so this is what 500 calls would give.
"""

import numpy as np
import pandas as pd
import pytest

from statloom.microdata.survey import Design, Estimand, estimate

SAMPLES, STRATA, UNITS, PERSONS = 500, 10, 60, 20
DRAWN_UNITS, DRAWN_PERSONS = 10, 8

ESTIMANDS = [
    Estimand("mean", "mean", "income"),
    Estimand("total", "total", "income"),
    Estimand("share", "proportion", "works"),
    Estimand("share_logit", "proportion", "works", interval="logit"),
    Estimand("small_share_beta", "proportion", "income < 250", interval="beta"),
    Estimand("ratio", "ratio", numerator="spent", denominator="income"),
    Estimand("women", "mean", "income", where="woman"),
    Estimand("women_total", "total", "woman"),
    Estimand("median", "quantile", "income"),
    Estimand("gini", "gini", "income"),
    Estimand("threshold", "poverty_threshold", "income"),
    Estimand("s80s20", "quintile_share_ratio", "income"),
]


@pytest.fixture(scope="module")
def population():
    generator = np.random.default_rng(20111)
    unit = np.arange(STRATA * UNITS).repeat(PERSONS)
    stratum = unit // UNITS
    level = generator.normal(0, 0.25, STRATA * UNITS)[unit] + 0.05 * stratum
    income = 400 * np.exp(level + generator.normal(0, 0.4, len(unit)))
    return pd.DataFrame(
        {
            "stratum": stratum,
            "unit": unit,
            "income": income,
            "spent": income * generator.uniform(0.4, 0.9, len(unit)),
            "works": generator.random(len(unit)) < 1 / (1 + np.exp(-2 * level)),
            "woman": generator.random(len(unit)) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def estimates(population):
    generator = np.random.default_rng(6)
    units = np.argsort(generator.random((SAMPLES, STRATA, UNITS)), axis=2)[:, :, :DRAWN_UNITS]
    units = units + UNITS * np.arange(STRATA)[:, None]
    persons = np.argsort(generator.random((SAMPLES, STRATA, DRAWN_UNITS, PERSONS)), axis=3)[
        ..., :DRAWN_PERSONS
    ]
    rows = (units[..., None] * PERSONS + persons).reshape(SAMPLES, -1)
    drawn = population.iloc[rows.ravel()].reset_index(drop=True)
    drawn["sample"] = np.arange(SAMPLES).repeat(rows.shape[1])
    drawn["sample_stratum"] = drawn["sample"] * STRATA + drawn["stratum"]
    drawn["units"], drawn["persons"] = UNITS, PERSONS
    # The person's own place in the table: rows are drawn without replacement.
    drawn["person"] = rows.ravel()
    design = Design(
        None,
        strata="sample_stratum",
        psu=("unit", "person"),
        fpc=("units", "persons"),
        nest=True,
    )
    return estimate(drawn, design, ESTIMANDS, by=[["sample"]], degrees_of_freedom="domain")


def truth_of(estimand, population):
    census = population.assign(one=1.0, row=np.arange(len(population)))
    return estimate(census, Design("one", psu="row"), [estimand])["estimate"][0]


@pytest.mark.parametrize("estimand", ESTIMANDS, ids=lambda estimand: estimand.name)
def test_intervals_hold_the_truth(estimates, population, estimand):
    made = estimates[estimates["estimand"] == estimand.name]
    truth = truth_of(estimand, population)
    assert len(made) == SAMPLES
    assert (made["df"] <= STRATA * (DRAWN_UNITS - 1)).all()
    held = ((made["ci_low"] <= truth) & (truth <= made["ci_high"])).mean()
    assert 0.93 <= held <= 0.97, held
    # The standard error is that of the estimates themselves, give or take the chance of 500 samples.
    assert made["se"].mean() == pytest.approx(made["estimate"].std(), rel=0.12)
    assert made["estimate"].mean() == pytest.approx(truth, rel=0.01)
