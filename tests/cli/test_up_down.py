"""``statloom up`` and ``down`` with the real Airflow, in a project of its own."""

import fcntl
import os
import subprocess
import sys

import pytest

from statloom import processes
from statloom.services import airflow
from statloom.settings import PROJECT, Settings
from statloom.warehouse import server

pytestmark = [pytest.mark.airflow, pytest.mark.database]


@pytest.fixture
def here(home):
    project = home.parent
    for name in ("dags", "plugins"):
        (project / name).mkdir()
    (project / "config").symlink_to(PROJECT / "config")
    settings = Settings(project=project, home=home)
    yield settings
    airflow.stop(settings)
    server.stop(settings)


def environment(settings):
    return os.environ | {
        "PYTHONPATH": str(PROJECT / "plugins"),
        "STATLOOM_HOME": str(settings.home),
        "STATLOOM_PROJECT": str(settings.project),
        # Nothing of this test needs what tasks need.
        "STATLOOM_PRELOAD": "0",
    }


def statloom(settings, *words):
    done = subprocess.run(
        [sys.executable, "-m", "statloom.cli", *words],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def up_during_a_run(here):
    """``statloom up`` while a run is at work: its Airflow would have no schedules, and end with it."""
    with processes.lock(here.run / "run.lock"):
        up = subprocess.Popen(
            [sys.executable, "-m", "statloom.cli", "up"],
            env=environment(here),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert up.stderr.readline() == "another run of this installation is at work; waiting for it\n"
        assert (airflow.current(here), server.current(here)) == (None, None)
    said, problems = up.communicate(timeout=250)
    return up.returncode, said, problems


def test_up_stays_until_down(here):
    code, said, problems = up_during_a_run(here)
    assert code == 0, problems
    assert airflow.stays(here)
    web, database = airflow.current(here), server.current(here)
    assert f"Airflow    {web.url}\n" in said
    assert f"user admin, password: airflow_admin in {here.secrets / 'passwords.json'}" in said
    assert f"warehouse  postgresql://statloom_analyst@127.0.0.1:{database.port}/statloom\n" in said
    passwords = processes.read_json(here.secrets / "passwords.json")
    # Airflow's password is shown this once, the others never.
    assert said.endswith(f"shown this once: {passwords['airflow_admin']}\n")
    others = [password for login, password in passwords.items() if login != "airflow_admin"]
    assert not [password for password in others if password in said + problems]
    airflow.client(here).token()

    code, said, problems = statloom(here, "up")
    assert code == 0
    assert not [password for password in passwords.values() if password in said + problems]
    assert (airflow.current(here), server.current(here)) == (web, database)
    assert statloom(here, "psql", "--", "-Atc", "select 1")[:2] == (0, "1\n")
    assert server.current(here) == database
    code, said, _ = statloom(here, "status")
    assert code == 0
    assert f"running at {web.url}" in said
    assert "publication  none yet" in said

    with (here.run / "run.lock").open("a") as run:
        fcntl.flock(run, fcntl.LOCK_EX)
        code, _, problems = statloom(here, "down")
        assert code == 1
        assert "a run is at work" in problems
        assert airflow.current(here) == web

    code, said, problems = statloom(here, "down")
    assert (code, said) == (0, "stopped Airflow, the database\n"), problems
    assert airflow.current(here) is None
    assert not server.is_running(here)
    assert statloom(here, "down")[:2] == (0, "nothing was running\n")
