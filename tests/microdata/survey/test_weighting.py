"""Calibrated weights reproduce their totals; replicate weights are what their method says; what cannot be is
refused.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from statloom.microdata.survey import (
    Calibration,
    Design,
    Estimand,
    Replicates,
    SurveyError,
    estimate,
    replication,
    structure,
)
from statloom.microdata.survey.replication import hadamard


@pytest.fixture
def survey():
    generator = np.random.default_rng(11)
    rows = 240
    return pd.DataFrame(
        {
            "stratum": np.repeat(np.arange(6), 40),
            "psu": np.repeat(np.arange(12), 20),
            "weight": generator.uniform(80, 120, rows),
            "sex": np.tile(["F", "M"], rows // 2),
            "area": generator.choice(["rural", "urban"], rows, p=[0.7, 0.3]),
            "size": generator.poisson(4, rows) + 1,
            "y": generator.gamma(2.0, 100.0, rows),
        }
    )


def design(calibration=(), replicates=None):
    return Design("weight", strata="stratum", psu="psu", calibration=calibration, replicates=replicates)


COUNT = Estimand("n", "total", "1")
POSTSTRATA = Calibration(
    "poststratify",
    columns=("sex", "area"),
    totals={("F", "rural"): 9000, ("F", "urban"): 4000, ("M", "rural"): 8000, ("M", "urban"): 3500},
)
MARGINS = Calibration(
    "rake", margins={"sex": {"F": 12500, "M": 12000}, "area": {"rural": 16500, "urban": 8000}}
)
GREG = Calibration("linear", auxiliaries={"1": 24500, "size": 125000})


def test_poststrata_are_reproduced_without_error(survey):
    made = estimate(survey, design(POSTSTRATA), [COUNT], by=[["sex", "area"], ["sex"]])
    np.testing.assert_allclose(made["estimate"], [9000, 4000, 8000, 3500, 13000, 11500], rtol=1e-12)
    assert (made["se"] < 1e-8).all(), "a known total has no sampling error"


def test_margins_are_reproduced(survey):
    made = estimate(survey, design(MARGINS), [COUNT], by=[["sex"], ["area"]])
    np.testing.assert_allclose(made["estimate"], [12500, 12000, 16500, 8000], rtol=1e-10)


@pytest.mark.parametrize(
    ("method", "bounds"), [("linear", None), ("linear", (0.7, 1.6)), ("raking", None), ("logit", (0.5, 2.0))]
)
def test_auxiliaries_are_reproduced(survey, method, bounds):
    plan = Calibration(method, auxiliaries={"1": 24500, "size": 125000, "sex = 'F'": 12400}, bounds=bounds)
    estimands = [COUNT, Estimand("size", "total", "size"), Estimand("women", "total", "sex = 'F'")]
    made = estimate(survey, design(plan), estimands)
    np.testing.assert_allclose(made["estimate"], [24500, 125000, 12400], rtol=1e-9)
    assert (made["se"] < 1e-4).all()


def test_calibration_lowers_the_error_of_what_it_explains(survey):
    survey["y"] = survey["size"] * 100 + survey["y"] / 10
    plain = estimate(survey, design(), [Estimand("y", "total", "y")])
    calibrated = estimate(survey, design(GREG), [Estimand("y", "total", "y")])
    assert calibrated["se"][0] < plain["se"][0] / 2


@pytest.mark.parametrize("calibration", [POSTSTRATA, MARGINS, GREG], ids=lambda plan: plan.method)
def test_linearised_and_replicated_errors_of_calibrated_estimates_are_close(survey, calibration):
    estimands = [Estimand("y", "mean", "y"), Estimand("r", "ratio", numerator="y", denominator="size")]
    linear = estimate(survey, design(calibration), estimands, by=[[], ["sex"]])
    jackknife = estimate(survey, design(calibration, Replicates("jkn")), estimands, by=[[], ["sex"]])
    np.testing.assert_allclose(jackknife["estimate"], linear["estimate"], rtol=1e-9)
    np.testing.assert_allclose(jackknife["se"], linear["se"], rtol=0.1)


@pytest.mark.parametrize("method", ["jkn", "brr", "fay", "bootstrap", "subbootstrap"])
def test_replicated_errors_are_close_to_linearised_ones(survey, method):
    plan = Replicates(method, rho=0.3 if method == "fay" else 0.0, number=1000, seed=4)
    estimands = [Estimand("t", "total", "y"), Estimand("m", "mean", "y")]
    linear = estimate(survey, design(), estimands)
    made = estimate(survey, design(replicates=plan), estimands)
    np.testing.assert_allclose(made["estimate"], linear["estimate"], rtol=1e-12)
    # For totals the jackknife and balanced half-samples give the linearised variance itself.
    exact = method in ("jkn", "brr", "fay")
    np.testing.assert_allclose(made["se"][0], linear["se"][0], rtol=1e-10 if exact else 0.08)
    np.testing.assert_allclose(made["se"][1], linear["se"][1], rtol=0.08)
    assert made["df"][0] == 6


def test_bootstrap_knows_small_populations(survey):
    survey["fpc"] = 4
    plain = Design("weight", strata="stratum", psu="psu", fpc="fpc")
    replicated = Design(
        "weight",
        strata="stratum",
        psu="psu",
        fpc="fpc",
        replicates=Replicates("bootstrap", number=1500, seed=1),
    )
    estimands = [Estimand("t", "total", "y")]
    # Drawn without replacement from the units repeated: (N - n) / (N - 1) stands for (N - n) / N.
    expected = estimate(survey, plain, estimands)["se"][0] * np.sqrt(4 / 3)
    assert estimate(survey, replicated, estimands)["se"][0] == pytest.approx(expected, rel=0.08)


def test_bootstrap_is_the_same_for_the_same_seed(survey):
    def errors(seed):
        plan = Replicates("bootstrap", number=50, seed=seed)
        return estimate(survey, design(replicates=plan), [Estimand("y", "mean", "y")])["se"][0]

    assert errors(1) == errors(1) != errors(2)


def test_made_and_given_replicates_agree(survey):
    factors = {0: (2.0, 0.0), 1: (0.0, 2.0)}
    signs = hadamard(7)[:, 1:7]
    for replicate in range(len(signs)):
        side = np.array([factors[int(sign < 0)] for sign in signs[replicate]])
        first = survey["psu"] % 2 == 0
        stratum = survey["stratum"].to_numpy()
        survey[f"r{replicate}"] = np.where(first, side[stratum, 0], side[stratum, 1]) * survey["weight"]
    columns = tuple(f"r{replicate}" for replicate in range(len(signs)))
    estimands = [
        Estimand("m", "mean", "y"),
        Estimand("g", "gini", "y"),
        Estimand("q", "quantile", "y"),
        Estimand("p", "poverty_rate", "y"),
    ]
    made = estimate(survey, design(replicates=Replicates("brr")), estimands, by=[[], ["sex"]])
    given = estimate(
        survey, Design("weight", replicates=Replicates("brr", columns=columns)), estimands, by=[[], ["sex"]]
    )
    np.testing.assert_allclose(given[["estimate", "se", "df"]], made[["estimate", "se", "df"]], rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 9, 13, 21, 29, 45, 93, 120])
def test_hadamard_rows_are_orthogonal(order):
    made = hadamard(order)
    assert len(made) >= order
    np.testing.assert_array_equal(made @ made.T, len(made) * np.eye(len(made)))


def refused(survey, reason, plan):
    with pytest.raises(SurveyError) as raised:
        estimate(survey, plan, [Estimand("y", "mean", "y")])
    assert reason in str(raised.value), str(raised.value)


def test_refuses_totals_that_do_not_match(survey):
    totals = dict(POSTSTRATA.totals)
    del totals[("M", "urban")]
    refused(
        survey,
        "no total for sex 'M', area 'urban'",
        design(Calibration("poststratify", columns=("sex", "area"), totals=totals)),
    )
    totals = {"F": 1, "M": 2, "X": 3}
    refused(
        survey,
        "a total for sex 'X', but no case in the sample",
        design(Calibration("poststratify", columns=("sex",), totals=totals)),
    )
    margins = {"sex": {"F": 12500, "M": 12000}, "area": {"rural": 16500, "urban": 9000}}
    refused(
        survey,
        "they do not add up to one population: sex 24500, area 25500",
        design(Calibration("rake", margins=margins)),
    )
    refused(
        survey, "the data have no column 'region'", design(Calibration("rake", margins={"region": {"a": 1}}))
    )
    refused(
        survey,
        "calibration.auxiliaries: unknown column 'x'",
        design(Calibration("linear", auxiliaries={"x": 1})),
    )
    refused(survey, "'sex' gives VARCHAR, not numbers", design(Calibration("linear", auxiliaries={"sex": 1})))
    refused(
        survey,
        "no weights within the bounds",
        design(Calibration("linear", auxiliaries={"1": 80000}, bounds=(0.5, 2))),
    )
    survey.loc[4, "size"] = np.nan
    refused(survey, "'size' is missing or infinite in 1 rows, first in row 5", design(GREG))
    survey.loc[9, "sex"] = None
    refused(
        survey, "calibration.totals: column 'sex' is missing in 1 rows, first in row 10", design(POSTSTRATA)
    )


def test_refuses_replicates_that_cannot_be(survey):
    refused(survey, "jk1 is for designs without strata", design(replicates=Replicates("jk1")))
    survey["third"] = np.where(survey["psu"] == 0, survey.index % 2 + 100, survey["psu"])
    plan = Design("weight", strata="stratum", psu="third", replicates=Replicates("brr"))
    refused(survey, "brr needs two PSUs in every stratum", plan)
    refused(
        survey, "the data have no column 'r1'", design(replicates=Replicates("brr", columns=("r1", "r2")))
    )
    survey["r1"], survey["r2"] = 1.0, -1.0
    refused(
        survey,
        "column 'r2' is negative in 240 rows",
        design(replicates=Replicates("brr", columns=("r1", "r2"))),
    )
    refused(
        survey,
        "rscales: needed for given jkn",
        design(replicates=Replicates("jkn", columns=("r1", "weight"))),
    )
    survey.loc[survey["psu"] == 0, "stratum"] = 9
    plan = Design(
        "weight", strata="stratum", psu="psu", lonely_psu="remove", replicates=Replicates("bootstrap")
    )
    refused(survey, "a stratum has one PSU; replicates cannot be made", plan)


def test_degrees_of_freedom_of_a_jackknife_are_the_rank_of_its_weights():
    generator = np.random.default_rng(3)
    frame = pd.DataFrame({"h": np.repeat([0, 1, 2], [4, 10, 3]), "w": 1.0, "y": generator.random(17)})
    frame["fpc"] = frame["h"].map({0: 40, 1: 10, 2: 30})
    plan = Design("w", strata="h", fpc="fpc", replicates=Replicates("jkn"))
    table = pa.table({name: frame[name] for name in ("w", "h", "fpc")})
    made = replication.make(plan, structure.build(plan, table))
    assert made.number == 7, "a stratum of which every unit was drawn has no replicates"
    assert made.df == replication.rank(made.factors) - 1 == 5
