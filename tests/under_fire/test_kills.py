"""The kills, in processes that have started no threads: a forked run would wait for them for ever."""

import subprocess
import sys
from pathlib import Path

import pytest

from statloom import settings


@pytest.mark.timeout(400)
@pytest.mark.parametrize("tests", ["chain.py", "killed_worker.py"])
def test_what_was_killed_leaves_nothing_behind(tests):
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--timeout", "360",
         str(Path(__file__).with_name(tests))],
        cwd=settings.PROJECT,
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "2 passed" in run.stdout
