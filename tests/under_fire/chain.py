"""Runs of the small country that are killed one after the other, and the one that completes after them.

Every run meets what the one before it left. `make fire` has more points, each with a whole run after it.
Run by test_kills.py in a process of its own: runs are forked from it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.under_fire import fire, installation, invariants
from tests.under_fire.fire import Point

pytestmark = pytest.mark.database

# In the order of the pipeline, so that each run comes to its point: the share of the step done by then.
KILLS = [
    ("server", "prepare", 0.1),
    ("process", "load", 0.3),
    ("disk", "load", 0.7),
    ("backend", "raw gate", 0.2),
    ("postmaster", "changes", 0.5),
    ("server", "harmonised", 0.6),
    ("backend", "publish", 0.5),
    ("process", "publish", 0.98),
    ("disk", "write release", 0.6),
    ("process", "write release", 0.9),
]
MEGABYTES = 400


def small_disk(folder: Path) -> bool:
    """Put a small disk at ``folder``; return False without the right to do so."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0711", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def here():
    """The small country, on a small disk of its own where that can be had."""
    installation.preload()
    folder = Path(tempfile.mkdtemp(prefix="statloom-fire-"))
    folder.chmod(0o711)
    mounted = small_disk(folder)
    made = installation.make(folder)
    try:
        yield made
    finally:
        made.filler.unlink(missing_ok=True)
        installation.remove(made)
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def test_a_chain_of_killed_runs_leaves_nothing_behind(here):
    first = installation.run(here)
    assert (first.error, first.killed) == (None, False)
    old, new = 1, 2
    wrong, missed = [], []
    for victim, step, share in KILLS:
        if victim == "disk" and not os.path.ismount(here.folder.parent):
            continue
        point = Point(victim, step, 1 + int(share * first.points[step]))
        outcome = fire.strike(here, point, old, new)
        wrong += [f"{point}: {what}" for what in outcome.wrong]
        missed += [] if outcome.struck else [point]
        if outcome.completed:
            old, new = new, new + 1
        if victim == "server" and outcome.struck and not outcome.said:
            wrong.append(f"{point}: nothing was said")
    assert wrong == []
    assert len(missed) <= 2, missed
    here.deliver(new)
    last = installation.run(here)
    assert (last.error, last.killed) == (None, False)
    assert invariants.completed(here, old, new) == []


def test_the_checks_find_what_is_wrong(here):
    """The harness would be of no use if it found nothing."""
    [(new,)] = here.query("select max(value)::int / 1000 from marts.observation", "analyst")
    found = invariants.completed(here, new, new)
    assert any("as of the publication before" in what for what in found), found
    with here.engine().begin() as session:
        run = session.exec_driver_sql
        run("update published.observation set value = 9000 where place_id = 'V:district:1'")
        run("update publication.publication set status = 'writing' where publication_id = 1")
        run("update publication.warehouse_run set owner = 'somebody'")
        run("delete from raw.people where _row_number = 2")
        run("create table harmonised.figure__dbt_tmp ()")
    (here.settings.open_data / ".3.writing").mkdir()
    found = "\n".join(invariants.completed(here, new - 1, new))
    for what in (
        f"marts.observation has 52 rows of the deliveries {new} to 9",
        f"and may show one of [{new}]",
        "publications [(1, 'writing')",
        "the turn is still",
        "of people is accepted",
        "relation harmonised.figure__dbt_tmp is left over",
        ".3.writing is left over",
    ):
        assert what in found, found
