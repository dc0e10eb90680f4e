"""``statloom psql`` on an installation of its own, where nothing runs."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from statloom import processes
from statloom.settings import PROJECT, Settings
from statloom.warehouse import server

pytestmark = pytest.mark.database
STATLOOM = [sys.executable, "-m", "statloom.cli"]


@pytest.fixture(scope="module")
def installation():
    folder = Path(tempfile.mkdtemp(prefix="statloom-test-"))
    folder.chmod(0o711)
    yield Settings(project=PROJECT, home=folder / "home")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def here(installation):
    yield installation
    server.stop(installation)


def statloom(settings, *words, **options):
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "plugins"), "STATLOOM_HOME": str(settings.home)}
    environment.pop("STATLOOM_DATABASE_URL", None)
    return subprocess.Popen(
        [*STATLOOM, *words],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def answer(settings, *words):
    process = statloom(settings, *words)
    out, err = process.communicate(timeout=120)
    return process.returncode, out.strip(), err.strip()


def test_starts_the_server_for_the_call_and_passes_on_psqls_exit_code(here):
    who = "select current_user || ' reads ' || current_schema()"
    assert answer(here, "psql", "--", "-Atc", who) == (0, "statloom_analyst reads marts", "")
    assert not server.is_running(here)
    for role, schema in (("portal", "open_data"), ("monitor", "quality")):
        code, out, _ = answer(here, "psql", "--role", role, "--", "-Atc", who)
        assert (code, out) == (0, f"statloom_{role} reads {schema}")
    code, out, err = answer(here, "psql", "--", "-v", "ON_ERROR_STOP=1", "-f", "/no/such/file")
    assert (code, out) == (1, "")
    assert "No such file" in err
    code, _, err = answer(here, "psql", "--", "-c", "select * from landing.delivery")
    assert code == 1
    assert "permission denied for schema landing" in err
    code, _, err = answer(here, "psql", "--role", "king")
    assert code == 2
    assert "invalid choice: 'king'" in err
    assert not server.is_running(here)


def test_two_at_once_do_not_stop_each_others_server(here):
    slow = statloom(here, "psql", "--", "-At")
    slow.stdin.write("select 'slow is in';\n")
    slow.stdin.flush()
    assert slow.stdout.readline() == "slow is in\n"
    assert answer(here, "psql", "--", "-Atc", "select 1")[:2] == (0, "1")
    out, err = slow.communicate("select 'still here';\n", timeout=60)
    assert (out, err, slow.returncode) == ("still here\n", "", 0)
    assert not server.is_running(here)


def test_leaves_a_server_that_was_running(here):
    before = server.ensure_running(here)
    assert answer(here, "psql", "--", "-Atc", "select 1")[:2] == (0, "1")
    assert server.current(here).pid == before.pid


def test_interrupting_a_query_stops_the_server_all_the_same(here):
    process = statloom(here, "psql", "--", "-At", start_new_session=True)
    process.stdin.write("select 'in';\nselect pg_sleep(100);\n")
    process.stdin.flush()
    assert process.stdout.readline() == "in\n"
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert "Traceback" not in err
    assert process.returncode != 0
    assert not server.is_running(here)


def test_the_password_is_on_no_command_line(here):
    process = statloom(here, "psql", "--", "-At")
    process.stdin.write("select 'in';\n")
    process.stdin.flush()
    assert process.stdout.readline() == "in\n"
    passwords = processes.read_json(here.secrets / "passwords.json")
    lines = [processes.command_line(int(pid)) for pid in os.listdir("/proc") if pid.isdigit()]
    assert any("psql" in line for line in lines)
    assert not [line for line in lines if any(password in line for password in passwords.values())]
    process.communicate(timeout=60)


def test_external_server(database, here):
    url = database.url().render_as_string(hide_password=False)
    environment = {"STATLOOM_DATABASE_URL": url, "STATLOOM_HOME": str(database.home)}
    done = subprocess.run(
        [
            *STATLOOM,
            "psql",
            "--role",
            "monitor",
            "--",
            "-Atc",
            "select current_user || '@' || current_database()",
        ],
        env=os.environ | environment | {"PYTHONPATH": str(PROJECT / "plugins")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, f"statloom_monitor@{database.name}"), done.stderr
