"""The embedded server: made, started, killed, moved, shared; each test with servers of its own."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import ProgrammingError

from statloom import processes
from statloom.errors import StatloomError
from statloom.settings import PROJECT, Settings
from statloom.warehouse import connection, passwords, server, setup

pytestmark = pytest.mark.database
FAST = {"fsync": "off"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL under another account")


@pytest.fixture
def here(home):
    settings = Settings(project=PROJECT, home=home)
    yield settings
    server.stop(settings)


def connect(settings, found, **other):
    options = {
        "host": found.host,
        "port": found.port,
        "dbname": "postgres",
        "user": server.ADMINISTRATOR,
        "password": passwords.of(settings, server.ADMINISTRATOR),
    }
    return psycopg.connect(**(options | other), autocommit=True)


def value(settings, found, query):
    with connect(settings, found) as connected:
        return connected.execute(query).fetchone()[0]


def test_made_started_and_stopped(here, capsys):
    assert not server.is_running(here)
    assert not here.home.exists()
    found = server.ensure_running(here)
    assert found.started
    assert found.host == "127.0.0.1"
    assert value(here, found, "show data_checksums") == "on"
    assert value(here, found, "show password_encryption") == "scram-sha-256"
    assert value(here, found, "show listen_addresses") == "127.0.0.1"
    assert value(here, found, "show fsync") == "on"
    assert value(
        here, found, "select datcollate || ' ' || pg_encoding_to_char(encoding) from pg_database"
    ) == ("C.UTF-8 UTF8")
    assert value(here, found, "select string_agg(distinct auth_method, ',') from pg_hba_file_rules") == (
        "scram-sha-256"
    )
    assert stat.S_IMODE(Path(found.socket).stat().st_mode) == 0o700
    assert stat.S_IMODE((here.home / "postgres").stat().st_mode) == 0o700
    assert (here.home / "postgres").stat().st_uid != 0
    with connect(here, found, host=found.socket) as connected:
        assert connected.execute("select 1").fetchone() == (1,)

    again = server.ensure_running(here)
    assert (again.port, again.pid, again.started) == (found.port, found.pid, False)

    assert server.stop(here)
    assert not server.is_running(here)
    assert not processes.alive(found.pid)
    assert not (here.run / "server.json").exists()
    assert not server.stop(here)
    assert server.ensure_running(here).port == found.port
    assert capsys.readouterr().out == ""


def test_another_port_when_the_remembered_one_is_taken(here):
    found = server.ensure_running(here, options=FAST)
    with connect(here, found) as connected:
        connected.execute("create table kept (a int)")
    server.stop(here)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", found.port))
        other.listen()
        moved = server.ensure_running(here, options=FAST)
        assert moved.port != found.port
    assert value(here, moved, "select count(*) from kept") == 0


def test_comes_back_after_it_was_killed(here):
    found = server.ensure_running(here)
    with connect(here, found) as connected:
        connected.execute("create table kept (a int)")
        connected.execute("insert into kept select generate_series(1, 1000)")
        os.kill(found.pid, signal.SIGKILL)
        assert processes.wait_until(lambda: not processes.alive(found.pid), seconds=5)
        # The client's connection is still open: its server process must end by itself.
        again = server.ensure_running(here)
    assert again.started
    assert again.pid != found.pid
    assert value(here, again, "select sum(a) from kept") == 500500


def test_stale_pid_file_that_names_a_living_process(here):
    found = server.ensure_running(here, options=FAST)
    file = here.home / "postgres" / "postmaster.pid"
    content = file.read_text()
    server.stop(here)
    other = subprocess.Popen(["sleep", "60"])
    try:
        file.write_text(content.replace(str(found.pid), str(other.pid), 1))
        assert not server.is_running(here)
        assert server.ensure_running(here, options=FAST).started
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_two_homes_side_by_side(here):
    with tempfile.TemporaryDirectory(prefix="statloom-test-") as folder:
        Path(folder).chmod(0o711)
        there = Settings(project=PROJECT, home=Path(folder) / "home")
        one, two = server.ensure_running(here, options=FAST), server.ensure_running(there, options=FAST)
        try:
            assert one.port != two.port
            assert passwords.of(here, server.ADMINISTRATOR) != passwords.of(there, server.ADMINISTRATOR)
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                connect(there, one)
            server.stop(here)
            assert value(there, two, "select 1") == 1
        finally:
            server.stop(there)


HOLD = """
import sys
from pathlib import Path
from statloom.settings import PROJECT, Settings
from statloom.warehouse import server
with server.running(Settings(project=PROJECT, home=Path(sys.argv[1]))) as found:
    print(found.started, flush=True)
    sys.stdin.readline()
"""


def hold(settings):
    """Another process that uses the server until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "plugins")},
    )


def test_the_last_user_stops_the_server(here):
    first = hold(here)
    assert first.stdout.readline() == "True\n"
    second = hold(here)
    assert second.stdout.readline() == "False\n"
    first.communicate()
    assert server.is_running(here)
    second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert not server.is_running(here)


def test_a_killed_user_is_no_user_any_more(here):
    first = hold(here)
    assert first.stdout.readline() == "True\n"
    first.kill()
    first.communicate()
    assert server.is_running(here)
    with server.running(here) as found:
        assert not found.started
    assert not server.is_running(here)


def test_a_server_that_was_asked_to_stay_stays(here):
    with server.running(here, options=FAST) as found:
        assert found.started
        assert not server.ensure_running(here).started
    assert server.is_running(here)
    with server.running(here) as found:
        assert not found.started
    assert server.is_running(here)


def test_a_process_that_joined_keeps_the_server(here):
    with server.running(here, options=FAST):
        users = server.join(here)
        child = processes.start_detached(
            ["sleep", "60"], log=here.logs / "child.log", keep_open=[users.descriptor]
        )
        users.close()
    assert server.is_running(here)
    os.kill(child, signal.SIGKILL)
    assert processes.wait_until(lambda: not processes.alive(child), seconds=5)
    with server.running(here):
        pass
    assert not server.is_running(here)


@pytest.mark.parametrize(
    "name", ["deep/" + "/".join(["folder-of-twenty-char"] * 8), "with blank, 'quote' and \"$HOME\""]
)
def test_awkward_folders(home, name):
    settings = Settings(project=PROJECT, home=home / name)
    settings.home.parent.mkdir(parents=True)
    try:
        found = server.ensure_running(settings, options=FAST)
        assert value(settings, found, "select 1") == 1
        with connect(settings, found, host=found.socket) as connected:
            assert connected.execute("select 1").fetchone() == (1,)
    finally:
        server.stop(settings)
    if "deep" in name:
        assert not found.socket.startswith(str(home))
        assert not Path(found.socket).exists()


def test_home_by_another_name_is_the_same_server(here):
    found = server.ensure_running(here, options=FAST)
    link = here.home.with_name("link")
    link.symlink_to(here.home)
    assert server.ensure_running(Settings(project=PROJECT, home=link)).pid == found.pid


def test_deleted_home_is_a_fresh_start(here):
    import shutil

    server.ensure_running(here, options=FAST)
    old = passwords.of(here, server.ADMINISTRATOR)
    server.stop(here)
    shutil.rmtree(here.home)
    found = server.ensure_running(here, options=FAST)
    assert passwords.of(here, server.ADMINISTRATOR) != old
    assert value(here, found, "select 1") == 1


@as_root
def test_home_that_the_account_cannot_reach(home, capsys):
    import shutil

    closed = home.parent / "closed"
    closed.mkdir(mode=0o700)
    settings = Settings(project=PROJECT, home=closed / ".statloom")
    try:
        found = server.ensure_running(settings, options=FAST)
        said = capsys.readouterr().err
        elsewhere = Path((settings.home / "postgres.location").read_text().strip())
        assert f"the database lies in {elsewhere}" in said
        assert not elsewhere.is_relative_to(closed)
        with connect(settings, found) as connected:
            connected.execute("create table kept (a int)")
        server.stop(settings)
        again = server.ensure_running(settings, options=FAST)
        assert value(settings, again, "select count(*) from kept") == 0
        assert capsys.readouterr().err == ""

        # Deleting the state folder, even while the server runs, is a fresh start.
        shutil.rmtree(settings.home)
        fresh = server.ensure_running(settings, options=FAST)
        assert value(settings, fresh, "select count(*) from pg_class where relname = 'kept'") == 0
        assert not processes.alive(again.pid)
        server.stop(settings)

        shutil.rmtree(elsewhere)
        with pytest.raises(StatloomError, match=r"is gone; delete .* to begin anew"):
            server.ensure_running(settings)
    finally:
        server.remove(settings)
    assert not elsewhere.exists()


@as_root
def test_programs_that_the_account_cannot_reach_are_copied(home, monkeypatch):
    import shutil

    closed = home.parent / "closed"
    package = server.binaries().parent.parent
    shutil.copytree(server.binaries().parent, closed / package.name / server.binaries().parent.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    (closed / package.name / "__init__.py").touch()
    settings = Settings(project=PROJECT, home=closed / ".statloom")
    monkeypatch.syspath_prepend(str(closed))
    try:
        assert server.binaries().is_relative_to(closed)
        found = server.ensure_running(settings, options=FAST)
        assert value(settings, found, "select 1") == 1
        elsewhere = Path((settings.home / "postgres.location").read_text().strip())
        assert Path(f"/proc/{found.pid}/exe").resolve().is_relative_to(elsewhere)
    finally:
        server.remove(settings)
    assert not elsewhere.exists()


def test_a_server_that_does_not_start_says_why(here):
    with pytest.raises(StatloomError, match=r'did not start: .*invalid value for parameter "shared_buffers"'):
        server.ensure_running(here, options={"shared_buffers": "none"})
    assert not server.is_running(here)
    assert server.ensure_running(here, options=FAST).started


def test_wrong_folder_of_programs(here, monkeypatch, tmp_path):
    monkeypatch.setenv("STATLOOM_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(StatloomError, match=r"STATLOOM_POSTGRES_BIN names .* no program 'postgres'"):
        server.ensure_running(here)


def test_lost_password_file(here):
    server.ensure_running(here, options=FAST)
    setup.prepare(here)
    (here.secrets / "passwords.json").unlink()
    with pytest.raises(StatloomError, match=r"passwords\.json has no password of statloom_admin.*begin anew"):
        setup.prepare(here)


def test_set_up_twice_changes_nothing(here):
    server.ensure_running(here, options=FAST)
    assert setup.prepare(here) == []
    before = (here.secrets / "passwords.json").read_bytes()
    assert setup.prepare(here) == []
    assert (here.secrets / "passwords.json").read_bytes() == before


def test_set_up_again_after_the_schema_was_lost(here):
    found = server.ensure_running(here, options=FAST)
    setup.prepare(here)
    with connect(here, found) as connected:
        connected.execute("drop database statloom")
    setup.prepare(here)
    with psycopg.connect(setup._login_url(here, "statloom_engineer", "statloom")) as connected:
        assert connected.execute("select publication_id from publication.pointer").fetchall() == [(0,)]


def test_connection_without_a_server_says_what_to_do(here, monkeypatch):
    monkeypatch.setenv("STATLOOM_HOME", str(here.home))
    with pytest.raises(StatloomError, match="not running; start it with 'statloom up'"):
        connection.url("analyst")
    server.ensure_running(here, options=FAST)
    setup.prepare(here)
    with connection.engine("analyst").connect() as connected:
        assert connected.exec_driver_sql("select current_user").scalar() == "statloom_analyst"


def test_external_server(database, monkeypatch):
    """An engineer's URL is enough where the roles are there; nothing of the embedded server is touched."""
    found = server.ensure_running(database.settings)
    assert (found.port, found.started, found.socket) == (database.server.port, False, None)
    with server.running(database.settings) as again:
        assert again == found
    assert setup.prepare(database.settings) == []
    assert not (database.home / "postgres").exists()


def test_external_server_without_the_readers(database, monkeypatch):
    from statloom.warehouse import roles

    other = roles.Reader("statloom_absent", "marts", "1min", 5)
    monkeypatch.setattr(roles, "READERS", (*roles.READERS, other))
    (note,) = setup.prepare(database.settings)
    assert "no role statloom_absent" in note
    assert "STATLOOM_ADMIN_DATABASE_URL" in note
    administrator = database.server.url(server.ADMINISTRATOR, "postgres").render_as_string(
        hide_password=False
    )
    monkeypatch.setenv("STATLOOM_ADMIN_DATABASE_URL", administrator)
    try:
        assert setup.prepare(database.settings) == []
        with database.server.administrator() as connected:
            assert roles.exists(connected, "statloom_absent")
    finally:
        with database.server.administrator() as connected:
            connected.execute(f'drop database "{database.name}" with (force)')
            connected.execute("drop role if exists statloom_absent")


def test_bare_external_server_is_set_up_by_its_administrator(here, monkeypatch, tmp_path):
    """As in docker-compose.yml: a server with a superuser alone, passwords from the environment."""
    found = server.ensure_running(here, options=FAST)
    at = f"127.0.0.1:{found.port}"
    monkeypatch.setenv("STATLOOM_DATABASE_URL", f"postgresql://statloom_engineer:for-engineer@{at}/statloom")
    monkeypatch.setenv(
        "STATLOOM_AIRFLOW_DATABASE_URL", f"postgresql://statloom_airflow:for-airflow@{at}/airflow"
    )
    administrator = (
        f"postgresql://{server.ADMINISTRATOR}:{passwords.of(here, server.ADMINISTRATOR)}@{at}/postgres"
    )
    monkeypatch.setenv("STATLOOM_ADMIN_DATABASE_URL", administrator)
    monkeypatch.setenv("STATLOOM_ANALYST_PASSWORD", "for-analyst")
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path / "other-home"))
    there = Settings(project=PROJECT, home=tmp_path / "other-home")
    try:
        assert setup.prepare(there) == []
        assert setup.prepare(there) == []
        with psycopg.connect(setup.airflow_url(there)) as connected:
            owner = "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
            assert connected.execute(owner).fetchone() == ("statloom_airflow",)
        with connection.engine("engineer").begin() as connected:
            connected.exec_driver_sql("create table marts.place as select 1 as place_id")
        for role, can_read in (("analyst", True), ("portal", False)):
            engine = connection.engine(role)
            assert (engine.url.password == "for-analyst") == (role == "analyst")
            with engine.connect() as connected:
                if can_read:
                    assert connected.exec_driver_sql("select * from marts.place").scalar() == 1
                else:
                    with pytest.raises(ProgrammingError, match="permission denied"):
                        connected.exec_driver_sql("select * from marts.place")
            engine.dispose()
    finally:
        monkeypatch.delenv("STATLOOM_DATABASE_URL")


def test_external_server_with_a_wrong_password(database, monkeypatch):
    url = database.url().set(password="wrong").render_as_string(hide_password=False)
    monkeypatch.setenv("STATLOOM_DATABASE_URL", url)
    with pytest.raises(StatloomError, match=r"STATLOOM_DATABASE_URL: .*password authentication failed"):
        setup.prepare(database.settings)
