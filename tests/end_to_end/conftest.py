"""One installation of the whole project in a folder of its own, run for real, shared by these tests."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from statloom import settings

_PARTS = ("config", "dags", "dbt_project", "demo", "expectations", "plugins")


@dataclass
class Installation:
    """A copy of the project with a state folder of its own."""

    project: Path

    @property
    def home(self) -> Path:
        return self.project / ".statloom"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STATLOOM_")}
        return kept | {
            "STATLOOM_PROJECT": str(self.project),
            "STATLOOM_HOME": str(self.home),
            "PYTHONPATH": f"{self.project / 'plugins'}:{self.project}",
        }

    def statloom(self, *words: str, timeout: int = 600) -> subprocess.CompletedProcess:
        """Run the ``statloom`` command in this installation."""
        return subprocess.run(
            [sys.executable, "-m", "statloom.cli", *words],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def query(self, sql: str, role: str = "analyst") -> list[str]:
        """Return the lines that psql answers to ``sql`` as ``role``, fields separated by ``|``."""
        answer = self.statloom("psql", "--role", role, "--", "-AtX", "-v", "ON_ERROR_STOP=1", "-c", sql)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.splitlines()


@pytest.fixture(scope="session")
def installation():
    """The copy, before anything has run."""
    folder = Path(tempfile.mkdtemp(prefix="statloom-end-to-end-"))
    folder.chmod(0o755)
    project = folder / "statloom"
    project.mkdir()
    for part in _PARTS:
        shutil.copytree(
            settings.PROJECT / part, project / part, ignore=shutil.ignore_patterns("__pycache__", "target")
        )
    yield Installation(project)
    subprocess.run(
        [sys.executable, "-m", "statloom.cli", "down"],
        env=Installation(project).environment,
        capture_output=True,
        timeout=60,
    )
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def first_run(installation):
    """The main job's first run."""
    return installation.statloom("run")
