"""Airflow's real processes, started once, with a few small DAGs."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import requests
from cryptography.fernet import Fernet

from statloom import contracts, processes
from statloom.errors import StatloomError
from statloom.services import airflow
from statloom.services.airflow_environment import NO_TELEMETRY, state_file
from statloom.settings import PROJECT, Settings
from statloom.warehouse import server, setup
from tests.services import receivers

pytestmark = [pytest.mark.airflow, pytest.mark.database]

DAGS = """
import os, sys, time
from airflow.sdk import DAG, Asset, task
from statloom.errors import GateError

first, second = Asset("statloom://first"), Asset("statloom://second")

def one_task(dag_id, function, *, schedule=None, outlets=()):
    with DAG(dag_id, schedule=schedule, catchup=False) as dag:
        task(outlets=list(outlets), task_id=function.__name__)(function)()
    return dag

NAMES = ("STATLOOM_HOME", "STATLOOM_PROJECT", "GX_ANALYTICS_ENABLED", "DBT_SEND_ANONYMOUS_USAGE_STATS")

def environment():
    loaded = [name for name in ("great_expectations", "dbt.cli.main") if name in sys.modules]
    return {"environment": {name: os.environ.get(name) for name in NAMES}, "loaded": loaded}

def make(): print("made by a task")
def endless(): time.sleep(600)

import failures

def held(): raise GateError("toilet.csv: total is below 0; postgresql://u:planted-secret@host/db")
def killed(): os.kill(os.getpid(), 9)
def connected(): return failures.connection("ministry").count("planted-secret")

def fails(dag_id, function):
    with DAG(dag_id, schedule=None, catchup=False, **failures.TOLD) as dag:
        # As in the pipeline: a teardown that succeeds does not hide the failure.
        task(task_id=function.__name__)(function)() >> task(task_id="settled")(make)().as_teardown()
    return dag

held_back = fails("ingest__census_2011_toilet", held)
was_killed = fails("was_killed", killed)
connects = one_task("connects", connected)
makes_first = one_task("makes_first", make, outlets=[first])
makes_second = one_task("makes_second", make, outlets=[second])
after_both = one_task("after_both", make, schedule=first & second)
with DAG("endless", schedule=None, catchup=False) as endless_one:
    # As in the pipeline: the teardown tells others to go on, whatever came of the rest.
    settled = task(outlets=[second], task_id="settled")(make)()
    task(endless)() >> settled.as_teardown()
tells = one_task("tells", environment)
"""


@pytest.fixture(scope="module")
def posted():
    with receivers.http() as kept:
        yield kept


@pytest.fixture(scope="module")
def mailed():
    with receivers.smtp() as kept:
        yield kept


@pytest.fixture(scope="module")
def here(posted, mailed):
    folder = Path(tempfile.mkdtemp(prefix="statloom-test-"))
    folder.chmod(0o711)
    for name in ("dags/sources", "plugins"):
        (folder / name).mkdir(parents=True)
    (folder / "dags" / "failures.py").symlink_to(PROJECT / "dags" / "failures.py")
    contract = contracts.contract_files()["census_2011_toilet"]
    for file in (contract, contract.with_name("_collection.yml")):
        if file.exists():
            shutil.copy(file, folder / "dags" / "sources")
    (folder / "config").symlink_to(PROJECT / "config")
    (folder / "dags" / "small.py").write_text(DAGS)
    settings = Settings(project=folder, home=folder / ".statloom")
    patch = pytest.MonkeyPatch()
    patch.delenv("STATLOOM_DATABASE_URL", raising=False)
    patch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/of/another/airflow")
    patch.setenv("STATLOOM_HOME", str(settings.home))
    patch.setenv("STATLOOM_NOTIFY_WEBHOOK", posted.address)
    patch.setenv("STATLOOM_NOTIFY_EMAIL", "night@statloom.example")
    patch.setenv("STATLOOM_SMTP", mailed.address)
    patch.setenv("STATLOOM_OPENLINEAGE", str(folder / "lineage" / "events.jsonl"))
    server.ensure_running(settings, options={"fsync": "off"})
    setup.prepare(settings)
    try:
        began = time.monotonic()
        found = airflow.ensure_running(settings)
        print(f"\nAirflow's first start: {time.monotonic() - began:.1f} s")
        assert found.started
        yield settings
    finally:
        airflow.stop(settings)
        server.stop(settings)
        patch.undo()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def client(here):
    client = airflow.client(here)
    dags = ["makes_first", "makes_second", "after_both", "endless", "tells", "connects", "was_killed"]
    client.wait_for_dags([*dags, "ingest__census_2011_toilet"], timeout=60)
    return client


def finished(client, dag_id, run_id, seconds=60):
    """The state of a run when it has one."""

    def state():
        found = client.get(f"dags/{dag_id}/dagRuns/{run_id}")["state"]
        return found if found in ("success", "failed") else None

    assert processes.wait_until(state, seconds=seconds, pause=0.2)
    return state()


def states(client, dag_id, run_id):
    """The states of the tasks of a run: ``{task: state}``."""
    return {task["task_id"]: task["state"] for task in client.task_instances(dag_id, run_id)}


def test_a_task_runs_with_what_it_needs(here, client):
    run_id = client.trigger("tells")
    assert finished(client, "tells", run_id) == "success"
    (task,) = client.task_instances("tells", run_id)
    assert (task["task_id"], task["state"]) == ("environment", "success")
    value = client.get(f"dags/tells/dagRuns/{run_id}/taskInstances/environment/xcomEntries/return_value")[
        "value"
    ]
    value = json.loads(value) if isinstance(value, str) else value
    # What is slow to import was there before the task began.
    assert value["loaded"] == ["great_expectations", "dbt.cli.main"]
    assert value["environment"] == {
        "STATLOOM_HOME": str(here.home),
        "STATLOOM_PROJECT": str(here.project),
        "GX_ANALYTICS_ENABLED": "False",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    assert (here.airflow / "logs" / "dag_id=tells").is_dir()


def test_only_this_machine_can_reach_it(here):
    port = processes.read_json(state_file(here))["port"]
    address = f"{port:04X}"
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{address}")
    ]
    assert listening == [f"0100007F:{address}"]


def test_openlineage_events_are_in_the_file(here, client):
    """Of a real run: each of its tasks begins and ends, and so does the run."""
    run_id = client.trigger("makes_first")
    assert finished(client, "makes_first", run_id) == "success"
    file = here.project / "lineage" / "events.jsonl"

    def seen():
        events = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return {
            (event["job"]["name"], event["eventType"])
            for event in events
            if event["job"]["namespace"] == "statloom"
        }

    wanted = {(job, kind) for job in ("makes_first", "makes_first.make") for kind in ("START", "COMPLETE")}
    assert processes.wait_until(lambda: wanted <= seen(), seconds=60, pause=0.5), seen()
    assert "print(" not in file.read_text()


def test_a_failing_dag_tells_once_with_its_reason(client, posted, mailed):
    """The task that failed says why; Airflow's own call for the DAG comes after it and says nothing more."""
    dag = "ingest__census_2011_toilet"
    run_id = client.trigger(dag)
    lost = client.trigger("was_killed")
    assert finished(client, dag, run_id) == "failed"
    assert states(client, dag, run_id) == {"held": "failed", "settled": "success"}
    (message,) = posted.about(dag)
    assert message["kind"] == "held_back"
    assert message["reason"] == "toilet.csv: total is below 0; postgresql://u:***@host/db"
    assert (message["run"], message["task"]) == (run_id, "held")
    assert (message["source"], message["owner"]) == ("census_2011_toilet", "census@statloom.example")
    assert message["link"].startswith(f"{client.url}/dags/{dag}/runs/")
    assert mailed.mails[0]["To"] == "night@statloom.example, census@statloom.example"
    assert "people told of the failure: webhook: sent, email: sent" in client.task_log(dag, run_id, "held")

    # A task that was killed cannot tell: Airflow calls for the DAG, later.
    assert finished(client, "was_killed", lost) == "failed"
    assert processes.wait_until(lambda: posted.about("was_killed"), seconds=60, pause=0.2)
    (message,) = posted.about("was_killed")
    assert (message["kind"], message["run"]) == ("failed", lost)
    assert len(posted.about(dag)) == 1


def test_connections_are_encrypted_and_reach_a_task(here, client):
    client.post(
        "connections",
        {
            "connection_id": "ministry",
            "conn_type": "postgres",
            "host": "h",
            "login": "reader",
            "password": "planted-secret",
            "extra": json.dumps({"token": "planted-secret"}),
        },
    )
    with psycopg.connect(setup.airflow_url(here)) as connection:
        query = "select password, extra, is_encrypted, is_extra_encrypted, connection::text from connection"
        password, extra, *encrypted, row = connection.execute(query).fetchone()
    key = json.loads((here.secrets / "airflow_keys.json").read_text())["fernet_key"]
    assert encrypted == [True, True]
    assert "planted-secret" not in row
    assert Fernet(key).decrypt(password.encode()).decode() == "planted-secret"
    assert "planted-secret" in Fernet(key).decrypt(extra.encode()).decode()
    assert client.get("connections/ministry")["password"] == "***"
    run_id = client.trigger("connects")
    assert finished(client, "connects", run_id) == "success"
    path = f"dags/connects/dagRuns/{run_id}/taskInstances/connected/xcomEntries/return_value"
    assert int(client.get(path)["value"]) == 2


def test_nothing_is_answered_without_a_login(here):
    """Every address that Airflow's API has, and its pages."""
    url = airflow.current(here).url
    known = requests.get(f"{url}/openapi.json", timeout=30)
    paths = known.json()["paths"] if known.ok else {}
    open_to_all = {"/api/v2/monitor/health", "/api/v2/version", "/api/v2/auth/login", "/api/v2/auth/logout"}
    answers = {}
    with requests.Session() as session:
        for path, methods in paths.items():
            asked = re.sub(r"\{[^}]*\}", "x", path)
            for method in ("get", "post", "delete", "patch"):
                if method in methods and path not in open_to_all:
                    answer = session.request(method, url + asked, timeout=10, allow_redirects=False)
                    answers[f"{method} {path}"] = answer.status_code
        assert len(answers) > 80
        assert {path: code for path, code in answers.items() if code not in (401, 403)} == {}
        for path in ("/ui/dags", "/ui/config", "/execution/variables/x", "/execution/connections/ministry"):
            assert session.get(url + path, timeout=10).status_code in (401, 403), path


def test_secrets(here):
    for name in ("passwords.json", "airflow_keys.json", "airflow_users.json"):
        assert stat.S_IMODE((here.secrets / name).stat().st_mode) == 0o600
    password = json.loads((here.secrets / "passwords.json").read_text())["airflow_admin"]
    for log in (*here.logs.glob("*.log"), *here.airflow.glob("*")):
        assert log.is_dir() or password not in log.read_text(errors="replace"), log
    url = airflow.current(here).url
    with pytest.raises(StatloomError, match="refuses the password of user 'admin'"):
        airflow.AirflowClient(url, "admin", "wrong").dags()
    answer = requests.get(f"{url}/api/v2/dags", timeout=10)
    assert answer.status_code == 401


def test_environment_is_the_installations_own(here):
    values = airflow.environment(here)
    assert NO_TELEMETRY.items() <= values.items()
    assert values["AIRFLOW__CORE__DAGS_FOLDER"] == str(here.project / "dags")
    assert values == airflow.environment(here), "keys and port are kept"


def test_assets_join_dags_and_leftovers_do_not_count(here, client):
    since = datetime.now(UTC)
    assert finished(client, "makes_first", client.trigger("makes_first")) == "success"
    assert processes.wait_until(
        lambda: (
            client.get("assets", dag_ids="after_both")["total_entries"] and queued(client, "after_both") == 1
        ),
        seconds=10,
    )
    endless = client.trigger("endless")
    assert processes.wait_until(
        lambda: states(client, "endless", endless)["endless"] == "running",
        seconds=30,
    )

    assert client.clear_leftovers() == (1, 1)

    assert client.runs(["endless"], since) == []
    assert finished(client, "makes_second", client.trigger("makes_second")) == "success"
    assert processes.wait_until(lambda: queued(client, "after_both") == 1, seconds=10)
    assert client.runs(["after_both"], since) == []
    assert finished(client, "makes_first", client.trigger("makes_first")) == "success"
    assert processes.wait_until(lambda: client.runs(["after_both"], since), seconds=10)
    (run,) = client.runs(["after_both"], since)
    assert finished(client, "after_both", run["dag_run_id"]) == "success"
    assert client.clear_leftovers() == (0, 0)


def queued(client, dag_id):
    try:
        return client.get(f"dags/{dag_id}/assets/queuedEvents")["total_entries"]
    except StatloomError:
        return 0


def test_the_log_of_a_task_can_be_read(client):
    run_id = client.trigger("makes_second")
    assert finished(client, "makes_second", run_id) == "success"
    assert "made by a task" in client.task_log("makes_second", run_id, "make")


def test_a_second_start_finds_it_running(here):
    with airflow.running(here) as found:
        assert not found.started
    assert airflow.current(here) == found
    assert not airflow.ensure_running(here).started


def test_comes_back_after_its_scheduler_was_killed_and_stops_without_a_trace(here, client, monkeypatch):
    monkeypatch.setenv("STATLOOM_PRELOAD", "0")  # no task runs in what comes back
    endless = client.trigger("endless")
    assert processes.wait_until(
        lambda: states(client, "endless", endless)["endless"] == "running",
        seconds=30,
    )
    known = processes.read_json(state_file(here))
    os.kill(known["pids"]["scheduler"], signal.SIGKILL)
    assert processes.wait_until(lambda: airflow.current(here) is None, seconds=5)

    again = airflow.ensure_running(here)
    assert again.started
    assert again.forgotten == 1
    assert not [run for run in client.runs() if run["state"] not in ("success", "failed")]
    assert again.url == known["url"]
    assert not [pid for session in known["sessions"].values() for pid in processes.session_members(session)]
    known = processes.read_json(state_file(here))

    assert airflow.stop(here)
    assert airflow.current(here) is None
    assert not [pid for session in known["sessions"].values() for pid in processes.session_members(session)]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", known["port"])) != 0
    assert not list(here.run.glob("*.pid"))
    assert not airflow.stop(here)
    with pytest.raises(StatloomError, match="not running; start it with 'statloom up'"):
        airflow.client(here)


def test_without_a_database_it_says_so(here):
    server.stop(here)
    with pytest.raises(StatloomError, match="the database is not running"):
        airflow.ensure_running(here)
