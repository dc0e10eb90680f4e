"""Kills of Airflow's own processes while a task of the small country's DAGs is at a chosen place.

A task is stopped there by a lock that this process holds on a table that the task is about to write to; so
the place is exact, and the task is the project's own, run by Airflow's own worker.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from sqlalchemy import text

from statloom import processes
from statloom.services import airflow
from statloom.services.airflow_environment import state_file
from tests.under_fire import points
from tests.under_fire.installation import Installation

ENDED = ("success", "failed")
VICTIMS = ("task", "worker", "scheduler", "server")
# DAG and task, and the table before which it is stopped.
PLACES = {
    ("ingest__people", "load"): "raw.people",
    ("ingest__people", "gate"): "quality.gate_run",
    ("warehouse", "harmonised"): "harmonised.figure",
    ("warehouse", "gate"): "quality.gate_run",
    ("warehouse", "publish"): "published.observation",
    ("release", "write"): "release.cell",
}


@dataclass(frozen=True)
class Stopped:
    """A task that waits: its process, and the worker that watches over it."""

    task: int
    worker: int


@contextmanager
def held(here: Installation, table: str) -> Iterator[None]:
    """Let everybody read ``table`` and nobody write to it."""
    with here.engine().connect() as session:
        session.execute(text(f"lock table {table} in share mode"))
        yield
        # The server may have been killed meanwhile.
        session.invalidate()


def stopped(here: Installation, seconds: float = 90) -> Stopped:
    """Wait until a task of Airflow waits for a lock; return its processes."""
    waiting = (
        "select client_port from pg_stat_activity a join pg_locks l using (pid)"
        " where not l.granted and l.locktype = 'relation' and client_port > 0"
    )
    assert processes.wait_until(lambda: here.query(waiting), seconds=seconds, pause=0.5)
    [port] = {port for (port,) in here.query(waiting)}
    session = processes.read_json(state_file(here.settings))["sessions"]["scheduler"]
    for pid in processes.session_members(session):
        if any(c.laddr and c.laddr.port == port for c in psutil.Process(pid).net_connections()):
            return Stopped(pid, psutil.Process(pid).ppid())
    raise AssertionError(f"no process of Airflow has port {port}")


def kill(here: Installation, victim: str, found: Stopped) -> None:
    """Kill ``victim`` (of ``VICTIMS``): Airflow's task, its worker, its scheduler, or the database server."""
    if victim == "server":
        points.kill_server(here.settings)
        return
    pids = processes.read_json(state_file(here.settings))["pids"]
    target = {"task": found.task, "worker": found.worker, "scheduler": pids["scheduler"]}[victim]
    os.kill(target, signal.SIGKILL)
    # Nothing that it was doing goes on without it.
    assert processes.wait_until(lambda: not processes.alive(found.task), seconds=10)


def trigger(here: Installation, dag: str) -> str:
    """Start a run of ``dag``; return its id."""
    return airflow.client(here.settings).trigger(dag)


def result(here: Installation, dag: str, run_id: str, seconds: float = 120) -> str:
    """Wait until a run has ended; return its state."""
    client = airflow.client(here.settings)

    def state() -> str:
        return client.get(f"dags/{dag}/dagRuns/{run_id}")["state"]

    assert processes.wait_until(lambda: state() in ENDED, seconds=seconds, pause=0.3)
    return state()
