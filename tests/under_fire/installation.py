"""The small country's installation, and its pipeline as the DAGs run it, in processes that can be killed."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from statloom import settings as settings_module
from statloom.settings import Settings
from statloom.warehouse import connection, server, setup
from tests.under_fire import country

# As in production, but for a disk that survives: what is killed are processes. synchronous_commit stays on.
OPTIONS = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "max_wal_size": "256MB"}


def steps(run_id: str) -> list[tuple[str, Callable]]:
    """Return the tasks of all DAGs in their order, by name; each gets the results of those before it."""
    from statloom.pipeline import ingest, release, report, run, warehouse

    def of(source: str) -> list[tuple[str, Callable]]:
        def fetch(known):
            known[source] = ingest.fetch(source, run_id=run_id)

        def load(known):
            if known[source] is not None:
                ingest.load(source, known[source])

        def gate(known):
            if known[source] is not None:
                ingest.gate(source, known[source], run_id=run_id)

        return [("fetch", fetch), ("load", load), ("raw gate", gate)]

    def changes(known):
        known["inputs"] = warehouse.changed_inputs(run_id=run_id)

    def built(stage: str):
        return stage, lambda known: known["inputs"] and warehouse.transform(stage, run_id=run_id)

    def gate(known):
        if known["inputs"]:
            warehouse.gate(run_id=run_id)

    def publish(known):
        if known["inputs"]:
            warehouse.publish(known["inputs"], run_id=run_id)

    return [
        ("prepare", lambda _: run.prepare()),
        *(step for source in country.SOURCES for step in of(source)),
        ("changes", changes),
        *(built(stage) for stage in ("reference", "staging", "harmonised", "marts")),
        ("marts gate", gate),
        ("publish", publish),
        ("settled", lambda _: warehouse.settle(run_id=run_id)),
        ("prepare release", lambda _: release.prepare(run_id=run_id)),
        ("release gate", lambda _: release.gate(run_id=run_id)),
        ("write release", lambda _: release.write(run_id=run_id)),
        ("report", lambda _: report.write()),
    ]


STEPS = (
    "prepare", "fetch", "load", "raw gate", "changes", "reference", "staging", "harmonised", "marts",
    "marts gate", "publish", "settled", "prepare release", "release gate", "write release", "report",
)  # fmt: skip


@dataclass
class Installation:
    """One installation of the small country, with a server of its own."""

    folder: Path

    @property
    def settings(self) -> Settings:
        return Settings(project=self.folder / "project", home=self.folder / "home")

    @property
    def project(self) -> Path:
        return self.settings.project

    def start_server(self) -> float:
        """Start the server unless it runs; return the seconds that it took."""
        began = time.monotonic()
        with self.current():
            server.ensure_running(self.settings, options=OPTIONS)
            setup.prepare(self.settings)
        return time.monotonic() - began

    @contextmanager
    def current(self):
        """Within the block this process works on this installation."""
        kept = {name: os.environ.get(name) for name in ("STATLOOM_HOME", "STATLOOM_DATABASE_URL")}
        project = settings_module.PROJECT
        os.environ["STATLOOM_HOME"] = str(self.settings.home)
        os.environ.pop("STATLOOM_DATABASE_URL", None)
        settings_module.PROJECT = self.project
        try:
            yield
        finally:
            settings_module.PROJECT = project
            for name, value in kept.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def engine(self, role: str = "engineer") -> Engine:
        """An engine that keeps no connection open."""
        with self.current():
            return create_engine(connection.url(role), poolclass=NullPool)

    def query(self, statement: str, role: str = "engineer") -> list[tuple]:
        """Return the rows of ``statement``."""
        with self.engine(role).connect() as session:
            return [tuple(row) for row in session.execute(text(statement))]

    @property
    def filler(self) -> Path:
        """What fills the disk, where the harness has filled it."""
        return self.folder / "filler"

    def deliver(self, stamp: int) -> None:
        country.deliver(self.project, stamp)


def preload() -> None:
    """Import what every run needs, so that the processes forked for runs have it."""
    import dbt.adapters.postgres
    import dbt.cli.main

    from statloom.pipeline import ingest, release, report, run, warehouse

    assert all((dbt, ingest, release, run, warehouse, report))


def make(within: Path | None = None) -> Installation:
    """Make an installation in a new folder (of ``within``) and start its server."""
    folder = Path(tempfile.mkdtemp(prefix="statloom-fire-", dir=within))
    folder.chmod(0o711)
    (folder / "project").mkdir()
    country.make(folder / "project")
    here = Installation(folder)
    here.start_server()
    return here


def remove(here: Installation) -> None:
    """Stop the server and delete the folder."""
    with here.current():
        server.remove(here.settings)
    shutil.rmtree(here.folder, ignore_errors=True)


@dataclass(frozen=True)
class Ended:
    """How a run ended: whether it was killed itself, what it said when it failed, how many points each step
    had, and whether it came to the point at which something was to be killed.
    """

    killed: bool
    error: str | None = None
    expected: bool = True  # the error is a StatloomError
    points: dict[str, int] | None = None
    struck: bool = False


def run(here: Installation, strike: Callable | None = None, only: tuple[str, ...] | None = None) -> Ended:
    """Run the pipeline in a process of its own, and say how it ended.

    ``strike(watch)`` is called in that process before it begins; see ``points.Watch``.
    """
    from tests.under_fire.points import Watch

    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(told)
            with here.current(), open(here.folder / "run.log", "a") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
                watch = Watch(here.settings)
                if strike:
                    strike(watch)
                answer = _work(watch, only)
            os.write(tell, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(tell)
    with os.fdopen(told) as answers:
        said = answers.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Ended(killed=True, struck=True)
    assert said, f"the run ended without a word; see {here.folder / 'run.log'}"
    return Ended(killed=False, **json.loads(said))


def _work(watch, only: tuple[str, ...] | None) -> dict:
    import traceback

    from statloom.errors import StatloomError

    known, said = {}, {}
    try:
        for name, step in steps(f"run {os.getpid()}"):
            if only is None or name in only:
                watch.step = name
                step(known)
    except Exception as error:
        traceback.print_exc()
        said = {"error": f"{type(error).__name__}: {error}", "expected": isinstance(error, StatloomError)}
    return said | {"points": watch.seen, "struck": watch.struck}
