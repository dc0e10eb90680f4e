"""The kills, in processes that have started no threads: a forked run would wait for them for ever."""

import subprocess
import sys
from pathlib import Path

import pytest

from statloom import settings


@pytest.mark.timeout(800)
@pytest.mark.parametrize(("tests", "number"), [("chain.py", 2), ("in_airflow.py", 4)])
def test_what_was_killed_leaves_nothing_behind(tests, number):
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--timeout", "600",
         str(Path(__file__).with_name(tests))],
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        timeout=780,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert f"{number} passed" in run.stdout
