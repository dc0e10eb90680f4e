"""After a real run: every role may what is declared, and no generated secret is anywhere but in secrets/."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.database]

_PRIVILEGES = """
import json, psycopg
from statloom import settings
from statloom.warehouse import connection, privileges, server
with server.running(settings.load()):
    url = connection.url("engineer").set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as session:
        print(json.dumps(privileges.differences(session, complete=True)))
"""
_LONGEST = 64 << 20


@pytest.fixture(scope="module")
def secrets(installation, first_run):
    """Every generated secret of the installation: {what it is: text}."""
    assert first_run.returncode == 0, first_run.stderr[-2000:]
    found = {}
    for file in (installation.home / "secrets").iterdir():
        content = file.read_bytes().decode("latin-1").strip()
        try:
            entries = json.loads(content)
        except ValueError:
            entries = {"": content}
        found |= {f"{file.name} {name}": text for name, text in entries.items() if len(text) >= 16}
    assert len(found) >= 10
    return found


def test_rights_are_those_declared(installation, first_run):
    done = subprocess.run(
        [sys.executable, "-c", _PRIVILEGES],
        env=installation.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_no_secret_in_what_the_commands_say(installation, first_run, secrets):
    status = installation.statloom("status")
    said = [first_run.stdout, first_run.stderr, status.stdout, status.stderr]
    assert not [name for name, secret in secrets.items() if any(secret in text for text in said)]


def test_no_secret_in_any_file_outside_its_folder(installation, secrets):
    """Logs of Airflow, dbt and PostgreSQL, reports, open data, working files; the cluster's own too."""
    wanted = {name: secret.encode() for name, secret in secrets.items()}
    looked_at, found = 0, []
    for folder, folders, names in os.walk(installation.project):
        folders[:] = [each for each in folders if each not in ("__pycache__", "base", "pg_wal")]
        if Path(folder) == installation.home / "secrets":
            continue
        for name in names:
            path = Path(folder) / name
            try:
                if path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST:
                    continue
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            looked_at += 1
            found += [(str(path), what) for what, secret in wanted.items() if secret in content]
    assert looked_at > 500
    assert found == []


def test_no_secret_in_the_command_line_of_a_process(installation, secrets):
    """While the server and psql run."""
    seen = []
    with subprocess.Popen(
        [sys.executable, "-m", "statloom.cli", "psql", "--", "-Atc", "select pg_sleep(1)"],
        cwd=installation.project,
        env=installation.environment,
        stdout=subprocess.PIPE,
    ) as running:
        while running.poll() is None:
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(process.read_bytes())
                except OSError:
                    continue
    lines = set(seen)
    assert any(b"pg_sleep" in line for line in lines)
    assert not [name for name, secret in secrets.items() if any(secret.encode() in line for line in lines)]


def test_secrets_are_private(installation, first_run):
    folder = installation.home / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
