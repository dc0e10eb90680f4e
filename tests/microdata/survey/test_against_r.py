"""Every method against frozen figures of R's survey package, and, with STATLOOM_ORACLES, against R itself."""

import functools
import json
import os
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


@functools.cache
def estimates_of(case_name, options):
    """All estimands of the case that have these options, in all their domains, in one call."""
    case = next(case for case in freeze.cases() if case["case"] == case_name)
    checks = [check for check in case["checks"] if json.dumps(check.get("options", {})) == options]
    by = list({tuple(check.get("by", [])) for check in checks})
    estimands = {json.dumps(check["estimand"]): check["estimand"] for check in checks}
    named = [{**estimand, "name": name} for name, estimand in estimands.items()]
    return estimate(data_of(case), case["design"], named, sorted(by), **json.loads(options))


def figures_of(case, check):
    made = estimates_of(case["case"], json.dumps(check.get("options", {})))
    made = made[made["estimand"] == json.dumps(check["estimand"])]
    for column in made.columns[made.columns.get_loc("df") + 1 :]:
        made = made[made[column].notna() == (column in check.get("by", []))]
    return np.concatenate([made[column].to_numpy(dtype=float) for column in check["columns"]])


@pytest.mark.parametrize(("case", "check", "key"), CHECKS)
def test_as_r(case, check, key):
    assert FIGURES[key]["r"] == check["r"], "cases.yml has changed: freeze the figures again"
    expected = np.array(FIGURES[key]["values"], dtype=float)
    tolerance = check.get("tolerance", case.get("tolerance", 1e-12))
    np.testing.assert_allclose(figures_of(case, check), expected, rtol=tolerance, atol=0)


@pytest.mark.skipif(
    not os.environ.get("STATLOOM_ORACLES") or shutil.which("Rscript") is None,
    reason="R is asked again when STATLOOM_ORACLES is set and it is installed",
)
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
