"""Where Statloom keeps its state, and how it is told otherwise.

All state lives in one folder, ``.statloom`` beside the project unless ``STATLOOM_HOME`` names another. It can
be deleted at any time while nothing runs; the next run begins anew.
"""

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(os.environ.get("STATLOOM_PROJECT", Path(__file__).resolve().parents[2]))


@dataclass(frozen=True)
class Settings:
    """The folders of one installation."""

    project: Path
    home: Path

    @property
    def contracts(self) -> Path:
        """Folder of the source contracts."""
        return self.project / "dags" / "sources"

    @property
    def dbt_project(self) -> Path:
        """Folder of the dbt project."""
        return self.project / "dbt_project"

    @property
    def expectations(self) -> Path:
        """Folder of the gates' suites."""
        return self.project / "expectations"

    @property
    def archive(self) -> str:
        """Folder or fsspec URL of the content-addressed archive of deliveries."""
        return os.environ.get("STATLOOM_ARCHIVE", str(self.home / "archive"))

    @property
    def vault(self) -> str:
        """Folder or fsspec URL of microdata as Parquet, readable by the engineer's account alone."""
        return os.environ.get("STATLOOM_VAULT", str(self.home / "vault"))

    @property
    def work(self) -> Path:
        """Folder of working copies of microdata (mode 0700), each removed after use."""
        return self.home / "work"

    @property
    def open_data(self) -> Path:
        """Folder of the releases."""
        return Path(os.environ.get("STATLOOM_OPEN_DATA", self.home / "open_data"))

    @property
    def report(self) -> Path:
        """Folder of the quality report's site; ``index.html`` is its front page."""
        return Path(os.environ.get("STATLOOM_REPORT", self.home / "report"))

    @property
    def secrets(self) -> Path:
        """Folder of generated secrets (mode 0700, each file 0600)."""
        return self.home / "secrets"

    @property
    def run(self) -> Path:
        """Folder of ports, process ids and locks of what is running."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """Folder of the log files of the processes that Statloom starts."""
        return self.home / "logs"

    @property
    def airflow(self) -> Path:
        """Airflow's own home folder."""
        return self.home / "airflow"


def by_the_clock() -> bool:
    """Say whether DAGs run by their schedules; with ``STATLOOM_BY_THE_CLOCK=no`` they do not."""
    return os.environ.get("STATLOOM_BY_THE_CLOCK", "yes") != "no"


def load() -> Settings:
    """Return the settings of this process, from the environment."""
    return Settings(
        project=PROJECT, home=Path(os.environ.get("STATLOOM_HOME", PROJECT / ".statloom")).absolute()
    )
