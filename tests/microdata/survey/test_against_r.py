"""Every method against frozen figures of R's survey package, and against R itself where it is installed."""

import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from statloom.microdata.survey import estimate
from tests.microdata.survey.reference import freeze

FIGURES = json.loads((freeze.HERE / "figures.json").read_text(encoding="utf-8"))["figures"]
CHECKS = [
    pytest.param(case, check, f"{case['case']} {number}", id=f"{case['case']}-{number}")
    for case in freeze.cases()
    for number, check in enumerate(case["checks"])
]


def data_of(case):
    frame = pd.read_csv(freeze.data_file(case["data"]))
    for name, value in case.get("add", {}).items():
        frame[name] = frame.eval(value) if isinstance(value, str) else value
    return frame


def figures_of(case, check):
    by = [check.get("by", [])]
    made = estimate(data_of(case), case["design"], [check["estimand"]], by, **check.get("options", {}))
    return np.concatenate([made[column].to_numpy(dtype=float) for column in check["columns"]])


@pytest.mark.parametrize(("case", "check", "key"), CHECKS)
def test_as_r(case, check, key):
    assert FIGURES[key]["r"] == check["r"], "cases.yml has changed: freeze the figures again"
    expected = np.array(FIGURES[key]["values"], dtype=float)
    tolerance = check.get("tolerance", case.get("tolerance", 1e-12))
    np.testing.assert_allclose(figures_of(case, check), expected, rtol=tolerance, atol=0)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_still_says_so():
    check = "quit(status = !(requireNamespace('survey') && requireNamespace('MASS')))"
    if subprocess.run(["Rscript", "-e", check], capture_output=True, check=False).returncode:
        pytest.skip("R has no survey package")
    now = freeze.ask_r()["figures"]
    assert now.keys() == FIGURES.keys()
    for key, answer in now.items():
        np.testing.assert_allclose(
            np.array(answer["values"], dtype=float),
            np.array(FIGURES[key]["values"], dtype=float),
            rtol=1e-9,
            err_msg=key,
        )
