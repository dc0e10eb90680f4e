"""The scans of `make lint`: a planted secret and a planted vulnerability are found, and silence is no yes."""

import importlib.util
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from statloom.settings import PROJECT

# Put together here, so that no scan of this file finds them.
AWS = "AKIA" + "Q3ZL7RT5XWJ2KPMN"
PLANTED = {
    "settings.py": f'AWS_ID = "{AWS}"\n',
    "compose.yml": "services:\n  db:\n    environment:\n      POSTGRES_" + "PASSWORD: Kathmandu-7391-x\n",
    "dags/fetch.py": 'URL = "postgresql://reader:' + 'Pokhara7391x@db.ministry.example/mis"\n',
    "key.pem": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\n",
    "demo/deliveries/list.csv": f"name,remark\nKaski,{AWS}\n",
    "deploy.sh": "export GITHUB=gh" + "p_" + "a1B2c3D4e5F6g7H8i9" + "J0k1L2m3N4o5P6q7R8\n",
}
CLEAN = {
    "good.py": "import os\n\nPASSWORD = os.environ['STATLOOM_ENGINEER_PASSWORD']\n",
    "compose.yml": "services:\n  db:\n    POSTGRES_PASSWORD: ${STATLOOM_ADMIN_PASSWORD:?}\n",
    "list.csv": "sha256\n" + "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n",
}


def module(name: str):
    spec = importlib.util.spec_from_file_location(name, PROJECT / "scripts" / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def clone(tmp_path):
    """A scratch repository with ``files``."""

    def made(files: dict[str, str]):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
        return tmp_path

    return made


def scanned(folder, *options):
    command = [sys.executable, str(PROJECT / "scripts" / "scan_secrets.py"), *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_planted_secret_fails_the_scan(clone):
    folder = clone(PLANTED)
    (folder / ".gitignore").write_text("ignored.py\n")
    (folder / "ignored.py").write_text(PLANTED["settings.py"])
    found = scanned(folder)
    assert found.returncode == 1
    assert {line.split(":")[0] for line in found.stderr.splitlines()[:-1]} == set(PLANTED)
    assert "compose.yml:4: " in found.stderr
    # What was found is not repeated.
    assert not any(secret in found.stderr for secret in (AWS, "Kathmandu", "Pokhara"))


def test_a_clean_clone_passes_and_known_ones_are_known_by_hash_alone(clone):
    folder = clone(CLEAN)
    assert scanned(folder).returncode == 0
    (folder / "test_it.py").write_text(PLANTED["dags/fetch.py"])
    assert scanned(folder).returncode == 1
    assert scanned(folder, "--accept").returncode == 0
    assert "Pokhara" not in (folder / ".secrets.baseline").read_text()
    (folder / "test_it.py").write_text("# moved\n" + PLANTED["dags/fetch.py"])
    assert scanned(folder).returncode == 0
    (folder / "other.py").write_text(PLANTED["dags/fetch.py"])
    assert scanned(folder).returncode == 1


def test_lint_runs_both_scans():
    shown = subprocess.run(["make", "-n", "lint"], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "scripts/scan_secrets.py" in shown.stdout
    assert "scripts/audit_dependencies.py" in shown.stdout


@contextmanager
def advisories(vulnerable: dict[str, dict], status: int = 200):
    """A service that speaks OSV's language: ``{package: vulnerability}``."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((query["package"]["name"], query["version"]))
            found = vulnerable.get(query["package"]["name"])
            body = json.dumps({"vulns": [found]} if found else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        server.shutdown()


REQUESTS = {
    "id": "PYSEC-2026-1",
    "aliases": ["CVE-2026-0001"],
    "summary": "planted",
    "affected": [
        {
            "package": {"name": "requests", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


@pytest.fixture
def audit(monkeypatch, tmp_path):
    found = module("audit_dependencies")
    monkeypatch.setattr(found, "ACCEPTED", tmp_path / "accepted.txt")
    few = [pin for pin in found.locked(PROJECT) if pin[0] in ("requests", "pandas", "psycopg", "uv")]
    monkeypatch.setattr(found, "locked", lambda folder: few)
    return found


def test_every_pin_of_the_locks_is_asked_about():
    pins = dict(module("audit_dependencies").locked(PROJECT))
    assert {"requests", "pandas", "apache-airflow", "pyspark", "uv"} <= set(pins)
    assert len(pins) > 200


def test_a_planted_vulnerability_fails(audit, monkeypatch, capsys):
    with advisories({"requests": REQUESTS}) as (url, asked):
        monkeypatch.setenv("STATLOOM_OSV_URL", url)
        assert audit.main() == 1
        said = capsys.readouterr()
        assert "PYSEC-2026-1 CVE-2026-0001; repaired in 99.1" in said.err
        assert said.err.startswith("requests ")
        assert {name for name, _ in asked} == {"requests", "pandas", "psycopg", "uv"}
        audit.ACCEPTED.write_text("# why\nCVE-2026-0001 2999-01-01 not reachable here\n")
        assert audit.main() == 0
        assert "1 accepted" in capsys.readouterr().out
        audit.ACCEPTED.write_text("CVE-2026-0001 2020-01-01 no longer\n")
        assert audit.main() == 1


def test_a_clean_answer_passes(audit, monkeypatch, capsys):
    with advisories({}) as (url, _):
        monkeypatch.setenv("STATLOOM_OSV_URL", url)
        assert audit.main() == 0
    assert "vulnerable dependencies: 0 in 4 packages" in capsys.readouterr().out


def test_a_service_that_cannot_be_asked_is_said_and_by_wish_a_failure(audit, monkeypatch, capsys):
    with advisories({}, status=503) as (url, _):
        for where in (url, "http://127.0.0.1:1/v1/query"):
            monkeypatch.setenv("STATLOOM_OSV_URL", where)
            monkeypatch.setenv("STATLOOM_AUDIT", "ask")
            assert audit.main() == 0
            said = capsys.readouterr()
            assert "NOT CHECKED, the advisory service cannot be reached" in said.err
            assert said.out == ""
            monkeypatch.setenv("STATLOOM_AUDIT", "require")
            assert audit.main() == 2
        monkeypatch.setenv("STATLOOM_AUDIT", "skip")
        assert audit.main() == 0
        assert "NOT CHECKED (STATLOOM_AUDIT=skip)" in capsys.readouterr().err
