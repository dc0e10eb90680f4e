"""Airflow's processes: API server, DAG processor, scheduler. Started, watched and stopped; never imported.

``ensure_running`` leaves them running until ``stop``; what ``running`` started ends with its last user.
"""

import contextlib
import importlib.metadata
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import requests

from statloom import processes
from statloom.errors import StatloomError
from statloom.services.airflow_client import AirflowClient
from statloom.services.airflow_environment import (
    ADMINISTRATOR,
    HOST,
    environment,
    state_file,
)
from statloom.settings import Settings
from statloom.warehouse import passwords, server, setup

__all__ = [
    "Airflow",
    "AirflowClient",
    "client",
    "current",
    "ensure_running",
    "environment",
    "running",
    "stays",
    "stop",
]

SECONDS_TO_START = 180
SECONDS_FOR_TASKS = 3
SECONDS_TO_STOP = 8
_COMMANDS = {
    "api-server": ["api-server", "--host", HOST, "--port", "{port}", "--workers", "1"],
    "dag-processor": ["dag-processor"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
}


@dataclass(frozen=True)
class Airflow:
    """Where Airflow runs.

    ``started``: whether the call that returned this object started it, which took ``seconds``; ``forgotten``:
    the unfinished DAG runs of an earlier Airflow that it did not take up again.
    """

    url: str
    started: bool
    seconds: float = 0.0
    forgotten: int = 0


def current(settings: Settings) -> Airflow | None:
    """Return the Airflow of this installation when all its processes run; starts nothing."""
    known = processes.read_json(state_file(settings))
    pids = known.get("pids", {})
    if set(pids) != set(_COMMANDS) or not all(_is_ours(pid, name) for name, pid in pids.items()):
        return None
    return Airflow(known["url"], started=False)


def stays(settings: Settings) -> bool:
    """Say whether an Airflow runs that does not end with a run: one that ``ensure_running`` started."""
    return current(settings) is not None and bool(processes.read_json(state_file(settings)).get("keep"))


def client(settings: Settings) -> AirflowClient:
    """Return a REST client for the running Airflow; raises StatloomError when it does not run."""
    found = current(settings)
    if found is None:
        raise StatloomError("Airflow is not running; start it with 'statloom up'")
    return AirflowClient(found.url, ADMINISTRATOR, passwords.of(settings, "airflow_admin"))


def ensure_running(settings: Settings) -> Airflow:
    """Start Airflow unless it runs healthily; it then stays until ``stop``. The warehouse's server must run.

    Raises StatloomError with the end of the log of the process that failed.
    """
    with processes.lock(settings.run / "airflow.lock"):
        _clear_orphan(settings)
        return _ensure_running(settings, keep=True)


def stop(settings: Settings) -> bool:
    """Stop Airflow and whatever its tasks are doing; return whether anything of it was running."""
    with processes.lock(settings.run / "airflow.lock"):
        return _stop(settings)


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Airflow]:
    """Give a running Airflow for a ``with`` block; if this started it, its last user stops it."""
    with processes.lock(settings.run / "airflow.lock"):
        _clear_orphan(settings)
        users = processes.Users(settings.run / "airflow.users")
        found = _ensure_running(settings, keep=False)
    try:
        yield found
    finally:
        with processes.lock(settings.run / "airflow.lock"):
            if users.leave() and not processes.read_json(state_file(settings)).get("keep", True):
                _stop(settings)


def _clear_orphan(settings: Settings) -> None:
    """Stop an Airflow whose last user was killed: its tasks may still be at work on what the next run shall
    do.
    """
    known = processes.read_json(state_file(settings))
    if known.get("pids") and not known.get("keep") and processes.unused(settings.run / "airflow.users"):
        _stop(settings)


def _is_ours(pid: int, name: str) -> bool:
    return processes.alive(pid) and name in processes.command_line(pid).replace("_", "-")


def _session_is_ours(session: int) -> bool:
    """The number of a session whose processes are all gone may have become somebody else's."""
    return any("airflow" in processes.command_line(pid) for pid in processes.session_members(session))


def _ensure_running(settings: Settings, *, keep: bool) -> Airflow:
    began = time.monotonic()
    known = processes.read_json(state_file(settings))
    found = current(settings)
    if found is not None and _health(found.url, since=None) is None:
        if keep and not known.get("keep"):
            processes.write_json(state_file(settings), known | {"keep": True})
        return found
    _stop(settings)
    port = processes.free_port(HOST, known.get("port"))
    values = environment(settings, port=port)
    if keep:
        # Between its looks at the tables, an Airflow that stays sleeps longer: it is idle most of its time.
        values["AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"] = "0.5"
    else:
        # A run works with the DAGs that it found at its start; reading them again would take from its time.
        values["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] = "600"
    _migrate(settings, values)
    forgotten = _forget_unfinished(settings)
    url = f"http://{HOST}:{port}"
    since = datetime.now(UTC)
    # Each process counts as a user of the database server, so that nobody else's leaving stops it under them.
    users = server.join(settings)
    state = {"url": url, "port": port, "keep": keep, "pids": {}, "sessions": {}}
    marks = {}
    for name, command in _COMMANDS.items():
        log = _log(settings, name)
        marks[name] = log.stat().st_size if log.exists() else 0
        pid = processes.start_detached(
            [sys.executable, "-m", "airflow", *(word.format(port=port) for word in command)],
            log=log,
            environment=values,
            folder=settings.project,
            keep_open=[users.descriptor],
        )
        state["pids"][name] = pid
        state["sessions"][name] = os.getsid(pid)
        processes.write_json(state_file(settings), state)
        (settings.run / f"airflow-{name}.pid").write_text(f"{pid}\n")
    users.close()
    _wait_healthy(settings, url, state["pids"], marks, since)
    return Airflow(url, started=True, seconds=time.monotonic() - began, forgotten=forgotten)


def _wait_healthy(
    settings: Settings, url: str, pids: dict[str, int], marks: dict[str, int], since: datetime
) -> None:
    end = time.monotonic() + SECONDS_TO_START
    warm = False
    while True:
        problem = _health(url, since=since)
        if not warm and not (problem or "").startswith("api-server"):
            # The API server builds its interface for tasks at the first request, which takes seconds: better
            # now, while the scheduler is still starting, than in the first task.
            warm = _answers(f"{url}/execution/health")
        if warm and problem is None:
            return
        dead = [name for name, pid in pids.items() if not processes.alive(pid)]
        if dead or time.monotonic() > end:
            name = dead[0] if dead else (problem or "api-server").split(":")[0]
            said = processes.log_tail(_log(settings, name), since=marks[name])
            _stop(settings)
            reason = f"its {name} ended" if dead else f"after {SECONDS_TO_START} s: {problem}"
            raise StatloomError(f"Airflow did not start: {reason} (log: {_log(settings, name)})\n{said}")
        time.sleep(0.15)


def _answers(url: str) -> bool:
    try:
        return _session().get(url, timeout=30).ok
    except requests.RequestException:
        return False


def _session() -> requests.Session:
    """A session that no proxy of the environment comes between."""
    session = requests.Session()
    session.trust_env = False
    return session


def _health(url: str, *, since: datetime | None) -> str | None:
    """Return what is not healthy (``"scheduler: ..."``), None if all is; heartbeats before ``since`` do not
    count.
    """
    try:
        answer = _session().get(f"{url}/api/v2/monitor/health", timeout=5).json()
    except (requests.RequestException, ValueError) as error:
        return f"api-server: no answer ({type(error).__name__})"
    if answer["metadatabase"]["status"] != "healthy":
        return "api-server: its database does not answer"
    for name, heartbeat in (
        ("scheduler", "latest_scheduler_heartbeat"),
        ("dag_processor", "latest_dag_processor_heartbeat"),
    ):
        state = answer.get(name) or {}
        last = state.get(heartbeat)
        fresh = last and (since is None or datetime.fromisoformat(last) >= since)
        if state.get("status") != "healthy" or not fresh:
            return f"{name.replace('_', '-')}: no heartbeat yet"
    return None


def _migrate(settings: Settings, values: dict[str, str]) -> None:
    """Make or renew the tables of Airflow's metadata, once for each of its versions."""
    mark = f"migrated by Airflow {importlib.metadata.version('apache-airflow')}"
    try:
        with psycopg.connect(setup.airflow_url(settings), autocommit=True) as connection:
            found = connection.execute(
                "select shobj_description(oid, 'pg_database') from pg_database"
                " where datname = current_database()"
            ).fetchone()
            if found and found[0] == mark:
                return
            log = _log(settings, "migration")
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                began = output.tell()
                done = subprocess.run(
                    [sys.executable, "-m", "airflow", "db", "migrate"],
                    env=values,
                    cwd=settings.project,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    check=False,
                )
            if done.returncode:
                said = processes.log_tail(log, since=began)
                raise StatloomError(f"Airflow's database could not be made (log: {log})\n{said}")
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                name = connection.info.dbname
                connection.execute(
                    psycopg.sql.SQL("comment on database {} is {}").format(
                        psycopg.sql.Identifier(name), psycopg.sql.Literal(mark)
                    )
                )
    except psycopg.OperationalError as error:
        raise StatloomError(f"Airflow's database does not answer: {str(error).strip()}") from None


def _forget_unfinished(settings: Settings) -> int:
    """Remove the runs that Airflow left unfinished when it ended, and the asset events that wait for a run.

    Return the number of runs. Otherwise the scheduler would go on with the runs beside those that come next,
    and the events would count towards them. This is done on the tables since no scheduler is there yet: a run
    that is ended by the API first runs its teardowns, and these tell other DAGs to go on.
    """
    with psycopg.connect(setup.airflow_url(settings)) as connection:
        removed = connection.execute("delete from dag_run where state in ('queued', 'running')").rowcount
        connection.execute("delete from asset_dag_run_queue")
    return removed


def _log(settings: Settings, name: str) -> Path:
    return settings.logs / f"airflow-{name}.log"


def _stop(settings: Settings) -> bool:
    """End Airflow's processes and those of their tasks; nothing of their sessions is left behind."""
    file = state_file(settings)
    known = processes.read_json(file)
    pids = [pid for name, pid in known.get("pids", {}).items() if _is_ours(pid, name)]
    sessions = [session for session in known.get("sessions", {}).values() if _session_is_ours(session)]

    def members() -> list[int]:
        return [pid for session in sessions for pid in processes.session_members(session)]

    was_running = bool(members())
    processes.signal_all(pids, signal.SIGTERM)
    if not processes.wait_until(lambda: not members(), seconds=SECONDS_FOR_TASKS):
        processes.signal_all(members(), signal.SIGTERM)
        if not processes.wait_until(lambda: not members(), seconds=SECONDS_TO_STOP):
            processes.signal_all(members(), signal.SIGKILL)
            processes.wait_until(lambda: not members(), seconds=5)
    for name in _COMMANDS:
        (settings.run / f"airflow-{name}.pid").unlink(missing_ok=True)
    if file.exists():
        # The port is remembered, so that a bookmark of the user interface stays good.
        processes.write_json(file, {"port": known.get("port")})
    return was_running
