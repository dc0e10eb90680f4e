"""Backups on a real server: a moment comes back, a lost disk comes back, a damaged copy is noticed."""

import hashlib
import shutil
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text

from statloom import backup
from statloom import settings as settings_module
from statloom.errors import StatloomError
from statloom.settings import Settings
from statloom.warehouse import connection, passwords, server, setup

pytestmark = pytest.mark.database


@pytest.fixture
def warehouse(home, monkeypatch):
    """A running warehouse with one mart and one delivery."""
    monkeypatch.setenv("STATLOOM_HOME", str(home))
    here = Settings(project=settings_module.PROJECT, home=home)
    server.ensure_running(here, options={"fsync": "off", "shared_buffers": "32MB"})
    setup.prepare(here)
    with connection.engine().begin() as session:
        session.execute(text("create table published.households (place text primary key, n integer)"))
        session.execute(text("insert into published.households values ('Kaski', 1), ('Dolpa', 2)"))
        session.execute(text("create view marts.households as select * from published.households"))
    sha256 = hashlib.sha256(b"hello").hexdigest()
    (home / "archive" / "sha256" / sha256[:2]).mkdir(parents=True)
    (home / "archive" / "sha256" / sha256[:2] / sha256).write_text("hello")
    yield here
    server.stop(here)


def _households(here: Settings) -> dict[str, int]:
    with server.running(here), connection.engine().connect() as session:
        return dict(session.execute(text("select place, n from marts.households")).all())


def _now(here: Settings) -> datetime:
    with connection.engine().connect() as session:
        return session.scalar(text("select clock_timestamp()"))


def _change(here: Settings, place: str, n: int) -> None:
    with connection.engine().begin() as session:
        session.execute(
            text("insert into published.households values (:p, :n) on conflict (place) do update set n = :n"),
            {"p": place, "n": n},
        )


def _hand_over_the_log(here: Settings) -> None:
    """Finish the present part of the log, and wait until it is kept."""
    found = server.current(here)
    with psycopg.connect(
        host=found.host,
        port=found.port,
        user=server.ADMINISTRATOR,
        password=passwords.of(here, server.ADMINISTRATOR),
        dbname="postgres",
        autocommit=True,
    ) as session:
        name = session.execute("select pg_walfile_name(pg_switch_wal())").fetchone()[0]
    kept = server.backup_folder(here) / "wal" / f"{name}.gz"
    end = time.monotonic() + 30
    while not kept.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert kept.exists()


def test_a_moment_comes_back_and_then_the_latest(warehouse):
    backup.make(warehouse)
    _change(warehouse, "Kaski", 10)
    moment = _now(warehouse)
    _change(warehouse, "Kaski", 99)
    server.stop(warehouse)
    done = backup.restore(warehouse, at=moment)
    assert _households(warehouse) == {"Kaski": 10, "Dolpa": 2}
    assert done.recovered_to <= moment
    assert (done.former / "PG_VERSION").exists()
    # The last part of the log was not handed over yet: it is taken from the cluster that is put aside.
    with server.running(warehouse):
        _change(warehouse, "Dolpa", 7)
    backup.restore(warehouse)
    assert _households(warehouse) == {"Kaski": 10, "Dolpa": 7}


def test_a_lost_disk_comes_back_from_the_backup_folder_alone(warehouse, monkeypatch):
    monkeypatch.setenv("STATLOOM_BACKUP", str(warehouse.home.parent / "other-disk"))
    server.stop(warehouse)
    server.ensure_running(warehouse)
    backup.make(warehouse)
    _change(warehouse, "Dolpa", 8)
    _hand_over_the_log(warehouse)
    server.remove(warehouse)
    shutil.rmtree(warehouse.home)
    backup.restore(warehouse)
    assert _households(warehouse) == {"Kaski": 1, "Dolpa": 8}
    assert [path.read_text() for path in warehouse.home.rglob("2cf24d*")] == ["hello"]


def test_the_drill_finds_what_did_not_come_back(warehouse):
    made = backup.make(warehouse)
    drill = backup.rehearse(warehouse)
    assert drill.passed
    assert [(part.name, part.rows_restored) for part in drill.compared] == [
        ("households", 2),
        ("deliveries", 1),
    ]
    # Changed by a hand that no publication knows of: the same number of rows, other figures.
    _change(warehouse, "Kaski", 1000)
    (copy,) = (server.backup_folder(warehouse) / "archive").rglob("2cf24d*")
    copy.chmod(0o600)
    copy.write_text("hellO")
    shutil.rmtree(server.backup_folder(warehouse) / "wal")
    drill = backup.rehearse(warehouse)
    assert not drill.passed
    assert [part.name for part in drill.compared if not part.same] == ["households", "deliveries"]
    (made.path / "base.tar.gz").write_bytes(b"not a tar")
    with pytest.raises(StatloomError, match="tar failed"):
        backup.rehearse(warehouse)
    with connection.engine().connect() as session:
        stored = session.execute(text("select passed from quality.restore_drill order by drill_id"))
        assert stored.scalars().all() == [True, False, False]


def test_old_backups_go_and_what_cannot_be_restored_is_said(warehouse):
    with pytest.raises(StatloomError, match="no backup"):
        backup.rehearse(warehouse)
    backup.make(warehouse, kept=1)
    _change(warehouse, "Mugu", 3)
    _hand_over_the_log(warehouse)
    made = backup.make(warehouse, kept=1)
    assert [found.path for found in backup.backups(warehouse)] == [made.path]
    with pytest.raises(StatloomError, match="is running"):
        backup.restore(warehouse)
    server.stop(warehouse)
    with pytest.raises(StatloomError, match="was before"):
        backup.restore(warehouse, at=made.moment - timedelta(days=1))
    with pytest.raises(StatloomError, match="time zone"):
        backup.restore(warehouse, at=datetime(2026, 1, 1))
    with pytest.raises(StatloomError):
        backup.restore(warehouse, at=datetime.now(UTC) + timedelta(days=1))
    backup.restore(warehouse)
    assert _households(warehouse)["Mugu"] == 3


def test_a_server_of_the_office_is_dumped_and_the_dump_comes_back(database):
    with database.engine.begin() as session:
        session.execute(text("create table published.households (place text primary key, n integer)"))
        session.execute(text("insert into published.households values ('Kaski', 1)"))
        session.execute(text("create view marts.households as select * from published.households"))
    made = backup.make(database.settings)
    assert made.path.suffix == ".dump"
    assert backup.rehearse(database.settings).passed
    with pytest.raises(StatloomError, match="pg_restore"):
        backup.restore(database.settings)
