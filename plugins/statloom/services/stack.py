"""Everything that a run needs, started together: the warehouse's server, the demo's bodies, Airflow."""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from sqlalchemy.exc import SQLAlchemyError

from statloom import processes
from statloom.errors import StatloomError
from statloom.services import airflow
from statloom.services.airflow import AirflowClient
from statloom.settings import Settings
from statloom.warehouse import connection, overview, server, setup


@dataclass(frozen=True)
class Stack:
    """What runs now. ``started``: the parts that this call started, and will stop."""

    client: AirflowClient
    airflow_url: str
    started: tuple[str, ...]


@contextlib.contextmanager
def running(settings: Settings, say: Callable[[str], None]) -> Iterator[Stack]:
    """Give the running parts for the length of a ``with`` block; what this starts it stops afterwards.

    ``say`` gets one line a part. Raises StatloomError when a part does not start.
    """
    with contextlib.ExitStack() as parts:
        already = server.is_running(settings) or bool(server.external())
        found = parts.enter_context(server.running(settings))
        started = [] if already else ["PostgreSQL"]
        say(f"PostgreSQL {'is running' if already else 'started'} on {found.host}:{found.port}")
        for note in setup.prepare(settings):
            say(note)
        parts.callback(bodies(settings).stop)
        web = parts.enter_context(airflow.running(settings))
        if web.started:
            started.append("Airflow")
        say(f"Airflow {f'started in {web.seconds:.1f} s' if web.started else 'is running'} at {web.url}")
        if web.forgotten:
            say(f"an earlier run was cut off: {web.forgotten} unfinished DAG runs removed")
        client = airflow.client(settings)
        try:
            yield Stack(client, web.url, tuple(started))
        finally:
            # What `statloom status` says while nothing runs; a run that failed is no better without it.
            with contextlib.suppress(SQLAlchemyError, StatloomError):
                overview.remember(settings, connection.engine())


@dataclass(frozen=True)
class Bodies:
    """The demo's bodies, or nothing in an installation without a demo."""

    stop: Callable[[], object]


def bodies(settings: Settings, *, keep: bool = False) -> Bodies:
    """Start the demo's bodies (a health MIS, a ministry's database) where the project has a demo.

    Their addresses go into this process's environment as Airflow connections, for the processes it starts;
    connections that the environment already has are left alone.
    """
    if (serve := _demo_server(settings)) is None:
        return Bodies(stop=lambda: None)
    started = serve.start(settings, keep=keep)
    for name, uri in started.environment.items():
        os.environ.setdefault(name, uri)
    return Bodies(stop=started.stop)


def stop_bodies(settings: Settings) -> bool:
    """Stop the demo's bodies, whoever uses them; return whether any was running."""
    serve = _demo_server(settings)
    return bool(serve and serve.stop_all(settings))


def _demo_server(settings: Settings) -> ModuleType | None:
    """The demo's module that serves its bodies; it belongs to the project, not to the library."""
    if not (settings.project / "demo" / "bodies").is_dir():
        return None
    if str(settings.project) not in sys.path:
        sys.path.insert(0, str(settings.project))
    return importlib.import_module("demo.bodies.serve")


@contextlib.contextmanager
def alone(settings: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a run: a second run of the same installation waits for the first."""

    def waiting() -> None:
        say("another run of this installation is at work; waiting for it")

    with processes.lock(settings.run / "run.lock", waiting=waiting):
        yield
