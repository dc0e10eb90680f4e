"""The engine beside the library svy, where that is installed; the frozen figures of R need nothing."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from statloom.microdata.survey import Design, Estimand, estimate
from tests.microdata.survey.reference import freeze

svy = pytest.importorskip("svy", reason="svy is not installed")
polars = pytest.importorskip("polars")

# file, design here, design there
DESIGNS = {
    "strata": ("apistrat", Design("pw", strata="stype"), {"stratum": "stype", "wgt": "pw"}),
    "clusters": ("apiclus1", Design("pw", psu="dnum"), {"psu": "dnum", "wgt": "pw"}),
    "strata of clusters": (
        "many_strata",
        Design("w", strata="h", psu="unit"),
        {"stratum": "h", "psu": "unit", "wgt": "w"},
    ),
}
SUBJECTS = {"apistrat": ("api00", "enroll", "stype"), "apiclus1": ("api00", "enroll", "stype")}
SUBJECTS["many_strata"] = ("y", "w", "d")


@pytest.fixture(params=DESIGNS, ids=lambda name: name.replace(" ", "_"))
def both(request):
    """The data, our design, their sample."""
    name, design, theirs = DESIGNS[request.param]
    frame = pd.read_csv(freeze.data_file(name))
    if name == "many_strata":
        frame["unit"] = frame["h"] + frame["psu"].astype(str)
    table = polars.DataFrame({column: frame[column].tolist() for column in frame})
    return frame, design, svy.Sample(table, svy.Design(**theirs)), SUBJECTS[name]


def theirs_of(sample, kind, subject, **asked):
    y, x, _ = subject
    return getattr(sample.estimation, kind)(*((y, x) if kind == "ratio" else (y,)), **asked)


def ours(kind, subject):
    y, x, _ = subject
    parts = {"numerator": y, "denominator": x} if kind == "ratio" else {"expression": y}
    return Estimand("a", kind, **parts)


COLUMNS = {"estimate": "est", "se": "se", "cv": "cv", "ci_low": "lci", "ci_high": "uci", "deff": "deff"}
EFFECTS = {"wor": "without_replacement", "wr": "with_replacement"}


@pytest.mark.parametrize("kind", ["mean", "total", "ratio"])
@pytest.mark.parametrize("deff", EFFECTS)
def test_estimates_of_the_whole(both, kind, deff):
    frame, design, sample, subject = both
    expected = theirs_of(sample, kind, subject, deff=deff).estimates[0]
    made = estimate(frame, design, [ours(kind, subject)], design_effect=EFFECTS[deff])
    for mine, name in COLUMNS.items():
        np.testing.assert_allclose(made[mine][0], getattr(expected, name), rtol=1e-12, err_msg=mine)


@pytest.mark.parametrize("kind", ["mean", "total", "ratio"])
def test_estimates_of_domains(both, kind):
    frame, design, sample, subject = both
    found = theirs_of(sample, kind, subject, by=subject[2]).estimates
    expected = pd.DataFrame([{**row.__dict__, "domain": row.by_level[0]} for row in _plain(found)])
    expected = expected.set_index("domain").sort_index()
    made = estimate(frame, design, [ours(kind, subject)], by=[[subject[2]]], degrees_of_freedom="domain")
    made = made.set_index(subject[2]).sort_index()
    assert made.index.tolist() == expected.index.tolist()
    for mine, name in (("estimate", "est"), ("se", "se"), ("n", "n"), ("df", "df")):
        np.testing.assert_allclose(
            made[mine].astype(float), expected[name].astype(float), rtol=1e-12, atol=1e-12, err_msg=mine
        )


def _plain(estimates):
    """Their estimates have slots; give them as namespaces."""
    names = ("est", "se", "n", "df", "by_level")
    return [SimpleNamespace(**{name: getattr(row, name) for name in names}) for row in estimates]
