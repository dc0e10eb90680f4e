import os
import signal
import stat

import psycopg
import pytest
import requests
import yaml

from demo.bodies import serve
from statloom import processes, settings
from statloom.settings import Settings

pytestmark = pytest.mark.database


@pytest.fixture
def here(postgres_server, tmp_path):
    """A state folder whose PostgreSQL server is the session's."""
    found = Settings(project=settings.PROJECT, home=tmp_path / "home")
    found.home.mkdir()
    found.secrets.symlink_to(postgres_server.settings.secrets)
    found.run.mkdir()
    (found.run / "server.json").symlink_to(postgres_server.settings.run / "server.json")
    yield found
    serve.stop_all(found)


def answer(bodies):
    address = bodies.environment["AIRFLOW_CONN_HMIS"]
    return requests.get(f"{address}api/organisationUnits.json", timeout=5)


def pid_of(here):
    return processes.read_json(here.run / "dhis2.json").get("pid")


def test_both_bodies_answer_and_are_gone_after_stop(here):
    bodies = serve.start(here)
    assert answer(bodies).json()["pager"]["total"] == 76
    with psycopg.connect(bodies.environment["AIRFLOW_CONN_EMIS"]) as connection:
        assert connection.execute("select sum(schools) from schools where office_id = 100").fetchone() == (
            35_601,
        )
        with pytest.raises(psycopg.Error):
            connection.execute("delete from schools")
    pid = pid_of(here)
    bodies.stop()
    bodies.stop()
    assert not processes.alive(pid)
    with pytest.raises(requests.ConnectionError):
        answer(bodies)


def test_port_and_passwords_stay_the_same_over_a_restart(here):
    first = serve.start(here)
    first.stop()
    second = serve.start(here)
    assert second.environment == first.environment
    second.stop()
    assert stat.S_IMODE((here.secrets / "demo.json").stat().st_mode) == 0o600
    password = processes.read_json(here.secrets / "demo.json")["dhis2_password"]
    assert password not in (here.run / "dhis2.json").read_text()


def test_the_last_of_two_users_stops_it(here):
    first, second = serve.start(here), serve.start(here)
    assert first.environment == second.environment
    first.stop()
    assert answer(second).ok
    second.stop()
    with pytest.raises(requests.ConnectionError):
        answer(second)


def test_kept_servers_stay_until_they_are_stopped(here):
    kept = serve.start(here, keep=True)
    serve.start(here).stop()
    kept.stop()
    assert answer(kept).ok
    assert serve.stop_all(here)
    assert not serve.stop_all(here)


def test_a_killed_health_mis_is_started_again(here):
    first = serve.start(here)
    pid = pid_of(here)
    os.kill(pid, signal.SIGKILL)
    processes.wait_until(lambda: not processes.alive(pid), seconds=5)
    second = serve.start(here)
    assert pid_of(here) != pid and answer(second).ok
    first.stop()
    second.stop()


def test_a_taken_port_gives_another(here):
    import socket

    serve.start(here).stop()
    port = processes.read_json(here.run / "dhis2.json")["port"]
    with socket.create_server(("127.0.0.1", port)):
        bodies = serve.start(here)
        assert f":{port}/" not in bodies.environment["AIRFLOW_CONN_HMIS"]
        assert answer(bodies).ok
        bodies.stop()


def test_a_process_that_has_got_the_old_number_is_left_alone(here):
    processes.write_json(here.run / "dhis2.json", {"port": 1, "pid": os.getpid()})
    assert not serve.stop_all(here)


def test_every_connection_that_a_contract_names_is_served():
    contracts = sorted((settings.PROJECT / "dags" / "sources").rglob("*.yml"))
    named = {yaml.safe_load(file.read_text()).get("connector", {}).get("connection") for file in contracts}
    assert named - {None} <= {serve.HMIS, serve.EMIS}
