"""Means and ratios of values that hardly vary, against the same sums in exact rational arithmetic."""

from fractions import Fraction
from math import sqrt

import pandas as pd
import pytest

from statloom.microdata.survey import Calibration, Design, Estimand, Replicates, estimate
from tests.microdata.survey.reference import freeze

DESIGN = Design("w", strata="h", psu="psu", nest=True)


def exactly(frame, y, x):
    """Return ratio and standard error, each rounded once."""
    y, x, w = ([Fraction(float(value)) for value in frame[name]] for name in (y, x, "w"))
    below = sum(a * b for a, b in zip(w, x, strict=True))
    ratio = sum(a * b for a, b in zip(w, y, strict=True)) / below
    units = {}
    for unit, *case in zip(zip(frame["h"], frame["psu"], strict=True), w, y, x, strict=True):
        units[unit] = units.get(unit, 0) + case[0] * (case[1] - ratio * case[2]) / below
    variance = 0
    for stratum in frame["h"].unique():
        z = [total for unit, total in units.items() if unit[0] == stratum]
        mean = sum(z) / len(z)
        variance += Fraction(len(z), len(z) - 1) * sum((value - mean) ** 2 for value in z)
    return float(ratio), sqrt(variance)


@pytest.fixture(scope="module")
def survey():
    frame = pd.read_csv(freeze.data_file("many_strata"))
    frame["one"] = 1.0
    frame["year"] = 1e9 + frame["tie"]
    frame["mixed"] = frame["y"].where(frame["h"] != "S1", frame["year"])
    return frame


@pytest.mark.parametrize(("column", "tolerance"), [("y", 1e-13), ("big", 1e-13), ("year", 1e-13)])
def test_means_far_from_zero(survey, column, tolerance):
    made = estimate(survey, DESIGN, [Estimand("m", "mean", column)])
    mean, se = exactly(survey, column, "one")
    assert made["estimate"][0] == pytest.approx(mean, rel=1e-15)
    assert made["se"][0] == pytest.approx(se, rel=tolerance)


def test_a_domain_of_small_values_beside_one_of_large(survey):
    """What one domain's values are does not cost another its digits, also where both are one."""
    survey = survey.assign(high=survey["h"] == "S1")
    made = estimate(survey, DESIGN, [Estimand("m", "mean", "mixed")], by=[["high"], []])
    for place, part in enumerate((~survey["high"], survey["high"])):
        mean, se = exactly(survey[part], "mixed", "one")
        assert made["estimate"][place] == pytest.approx(mean, rel=1e-15)
        assert made["se"][place] == pytest.approx(se, rel=1e-13)
    mean, se = exactly(survey, "mixed", "one")
    assert made["se"][2] == pytest.approx(se, rel=1e-13)


def test_a_ratio_that_hardly_varies(survey):
    made = estimate(survey, DESIGN, [Estimand("r", "ratio", numerator="bx", denominator="big")])
    ratio, se = exactly(survey, "bx", "big")
    assert made["estimate"][0] == pytest.approx(ratio, rel=1e-15)
    # 1.7 x is rounded at the size of x, a million times that of what is left.
    assert made["se"][0] == pytest.approx(se, rel=1e-10)


def test_a_constant_has_no_error(survey):
    made = estimate(survey, DESIGN, [Estimand("m", "mean", "const")], by=[[], ["d"]])
    assert (made["estimate"] == 7).all()
    assert (made["se"] == 0).all()


@pytest.mark.parametrize(
    "design",
    [
        Design("w", strata="h", psu="psu", nest=True, replicates=Replicates("jkn")),
        Design(
            "w", strata="h", psu="psu", nest=True, calibration=Calibration("linear", auxiliaries={"1": 2e6})
        ),
    ],
    ids=["replicated", "calibrated"],
)
def test_a_shift_of_all_values_leaves_the_error(survey, design):
    """Also where it comes from replicates or residuals: the year 2011 varies as the eleventh year does."""
    estimands = [Estimand("far", "mean", "year"), Estimand("near", "mean", "tie")]
    made = estimate(survey, design, estimands, by=[["e"]])
    assert made["se"].to_numpy()[::2] == pytest.approx(made["se"].to_numpy()[1::2], rel=1e-9)


def test_columns_of_small_integers_do_not_overflow(survey):
    survey = survey.assign(a=(survey["tie"] + 100).astype("int8"), b=(survey["tie"] + 120).astype("int8"))
    texts = ["a * b", "a + b + a", "-a * b", "100 * a"]
    made = estimate(survey, DESIGN, [Estimand(text, "total", text) for text in texts])
    a, b = survey["a"].astype(float), survey["b"].astype(float)
    expected = [(survey["w"] * value).sum() for value in (a * b, a + b + a, -a * b, 100 * a)]
    assert made["estimate"].tolist() == pytest.approx(expected, rel=1e-13)
