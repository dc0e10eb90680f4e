"""The demo country's two servers, started for a run: the health MIS and the ministry of education's database.

The database lies on the warehouse's own PostgreSQL server, which must be running; its owner is the ministry,
and Statloom reads it with a login of its own. The health MIS is a process on a loopback port that stays the
same over restarts as long as it is free. Several runs may use both at the same time; the last one stops the
process.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from demo.bodies import dhis2_server, ministry_of_education
from statloom import processes
from statloom.errors import StatloomError
from statloom.settings import Settings
from statloom.warehouse import setup

HMIS = "hmis"
EMIS = "emis"
DATABASE = "ministry_of_education"
OWNER = "ministry_of_education"
SECONDS_TO_START = 20


@dataclass(frozen=True)
class Bodies:
    """The running servers. `environment` has Airflow's connections `AIRFLOW_CONN_HMIS` and `…_EMIS`."""

    environment: dict[str, str]
    stop: Callable[[], None]
    """Stops what no other run uses; a second call does nothing."""


def start(settings: Settings, *, keep: bool = False) -> Bodies:
    """Fill the ministry's database, start the health MIS unless it runs, and return how to reach both.

    `keep`: the health MIS stays after `stop`, until `stop_all` (`statloom up`).
    Raises StatloomError when the PostgreSQL server is not running or the health MIS does not start.
    """
    database = setup.create_database(settings, DATABASE, OWNER, reader=ministry_of_education.READER)
    ministry_of_education.load(database.owner_url)
    with processes.lock(settings.run / "demo.lock"):
        users = processes.Users(settings.run / "demo.users")
        try:
            port = _ensure_health_mis(settings, keep=keep)
        except BaseException:
            users.leave()
            raise
    password = _secrets(settings)["dhis2_password"]
    environment = {
        f"AIRFLOW_CONN_{HMIS.upper()}": f"http://{dhis2_server.USER}:{password}@127.0.0.1:{port}/",
        f"AIRFLOW_CONN_{EMIS.upper()}": database.reader_url,
    }
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if stopped:
            return
        stopped = True
        with processes.lock(settings.run / "demo.lock"):
            if users.leave() and not processes.read_json(_file(settings)).get("keep", False):
                _stop_health_mis(settings)

    return Bodies(environment, stop)


def stop_all(settings: Settings) -> bool:
    """Stop the health MIS, whoever uses it; return whether it was running."""
    with processes.lock(settings.run / "demo.lock"):
        return _stop_health_mis(settings)


def _file(settings: Settings):
    return settings.run / "dhis2.json"


def _secrets(settings: Settings) -> dict[str, str]:
    """Return the demo's generated passwords; called under the lock."""
    file = settings.secrets / "demo.json"
    known = processes.read_json(file)
    if not {"dhis2_password", "dhis2_token"} <= set(known):
        known = {
            "dhis2_password": secrets.token_urlsafe(24),
            "dhis2_token": f"d2pat_{secrets.token_hex(21)}",
        }
        processes.write_private(file, json.dumps(known, indent=2) + "\n")
    return known


def _ensure_health_mis(settings: Settings, *, keep: bool) -> int:
    known = processes.read_json(_file(settings))
    passwords = _secrets(settings)
    if _is_ours(known.get("pid")) and _answers(known["port"], passwords["dhis2_password"]):
        processes.write_json(_file(settings), known | {"keep": keep or known.get("keep", False)})
        return known["port"]
    _stop_health_mis(settings)
    ready = settings.run / "dhis2.ready"
    ready.unlink(missing_ok=True)
    log = settings.logs / "dhis2.log"
    command = [sys.executable, "-m", "demo.bodies.dhis2_server", "--ready", str(ready)]
    pid = processes.start_detached(
        [*command, "--port", str(known.get("port", 0))],
        log=log,
        environment=os.environ
        | {
            "STATLOOM_DEMO_DHIS2_PASSWORD": passwords["dhis2_password"],
            "STATLOOM_DEMO_DHIS2_TOKEN": passwords["dhis2_token"],
        },
        folder=settings.project,
    )
    processes.wait_until(lambda: ready.exists() or not processes.alive(pid), seconds=SECONDS_TO_START)
    started = processes.read_json(ready)
    if not started or not _answers(started["port"], passwords["dhis2_password"]):
        if processes.alive(pid):
            processes.signal_all([pid], signal.SIGKILL)
        raise StatloomError(f"the demo's health MIS did not start; {log} says why")
    ready.unlink(missing_ok=True)
    processes.write_json(_file(settings), {"port": started["port"], "pid": pid, "keep": keep})
    return started["port"]


def _stop_health_mis(settings: Settings) -> bool:
    """Stop the process; its port stays noted, so that the next one takes it again. Called under the lock."""
    known = processes.read_json(_file(settings))
    pid = known.get("pid")
    running = _is_ours(pid)
    if running:
        processes.signal_all([pid], signal.SIGTERM)
        if not processes.wait_until(lambda: not processes.alive(pid), seconds=5):
            processes.signal_all([pid], signal.SIGKILL)
    if known:
        processes.write_json(_file(settings), {"port": known["port"]})
    return running


def _is_ours(pid: int | None) -> bool:
    """Say whether `pid` is a health MIS; the number may have gone to another process since it was noted."""
    return pid is not None and processes.alive(pid) and dhis2_server.__name__ in processes.command_line(pid)


def _answers(port: int, password: str) -> bool:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/me")
    credentials = base64.b64encode(f"{dhis2_server.USER}:{password}".encode()).decode()
    request.add_header("Authorization", f"Basic {credentials}")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
