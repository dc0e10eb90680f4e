"""A disk that is full in the middle of a run: said, nothing half shown, and the next run completes."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.under_fire import fire, installation, invariants
from tests.under_fire.fire import Point

pytestmark = pytest.mark.database

MEGABYTES = 320


@pytest.fixture
def small_disk():
    """A folder on a disk of its own, for which the right to mount one is needed."""
    folder = Path(tempfile.mkdtemp(prefix="statloom-disk-"))
    options = f"size={MEGABYTES}m,mode=0711"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if (
        sys.platform != "linux"
        or os.geteuid() != 0
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        folder.rmdir()
        pytest.skip("no right to mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_loses_nothing(small_disk):
    installation.preload()
    here = installation.make(small_disk)
    try:
        first = installation.run(here)
        assert first.error is None
        for step, share in (("load", 0.5), ("marts", 0.3), ("write release", 0.6)):
            point = Point("disk", step, 1 + int(share * first.points[step]))
            outcome = fire.strike(here, point, 1, 2)
            assert (outcome.struck, outcome.wrong) == (True, ()), outcome
            assert outcome.said, f"{point}: nothing was said"
        assert installation.run(here).error is None
        assert invariants.completed(here, 1, 2) == []
    finally:
        here.filler.unlink(missing_ok=True)
        installation.remove(here)
