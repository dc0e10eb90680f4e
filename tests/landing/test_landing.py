"""Fetch, load and judge: the life of a delivery, and what happens when something breaks in the middle."""

import os
import signal
import subprocess
import threading
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text

from statloom import landing, settings
from statloom.connectors import web
from statloom.errors import DeliveryError, StatloomError
from statloom.landing import loading
from statloom.warehouse import passwords, server, setup
from tests.landing.conftest import COLUMNS, CSV, make_contract

pytestmark = pytest.mark.database


@pytest.fixture
def source(database, delivery, tmp_path):
    """A source with a file; ``take`` fetches and loads what the file holds now."""
    return Source(database.engine, delivery, str(tmp_path / "archive"))


class Source:
    def __init__(self, engine, delivery, archive):
        self.engine, self.delivery, self.archive = engine, delivery, archive
        self.contract = make_contract(connector={"type": "file", "url": str(delivery())})

    def fetch(self, content=None):
        if content is not None:
            self.delivery(content)
        return landing.fetch(self.contract, archive=self.archive, engine=self.engine, run_id="run")

    def load(self, delivery_id):
        return landing.load(self.contract, delivery_id, engine=self.engine, archive=self.archive)

    def take(self, content=None):
        fetched = self.fetch(content)
        if fetched.outcome == "new":
            self.load(fetched.delivery_id)
            landing.accept(self.engine, fetched.delivery_id)
        return fetched

    def query(self, sql, **values):
        with self.engine.connect() as connection:
            return connection.execute(text(sql), values).all()

    def status(self, delivery_id):
        return self.query("select status from landing.delivery where delivery_id = :d", d=delivery_id)[0][0]

    def raw(self):
        return [
            tuple(r)
            for r in self.query("select code, toilet, total, _row_number from raw.toilets order by 4")
        ]


ROWS = [("NP", "FLUSH", 10, 2), ("NP", "NONE", 5, 3), ("01", "FLUSH", 10, 4), ("01", "NONE", 5, 5)]


def test_a_delivery_is_fetched_loaded_and_accepted_once(source):
    fetched = source.fetch()
    assert fetched.outcome == "new" and source.status(fetched.delivery_id) == "archived"
    loaded = source.load(fetched.delivery_id)
    assert (loaded.rows_read, loaded.rows_loaded, loaded.rows_quarantined) == (4, 4, 0)
    assert source.raw() == ROWS
    assert source.status(fetched.delivery_id) == "loaded"
    landing.accept(source.engine, fetched.delivery_id)
    assert source.fetch() == landing.Fetched("unchanged", fetched.delivery_id)
    (row,) = source.query("select * from landing.current_delivery")
    assert row.sha256 and row.contract_sha256 == source.contract.sha256 and row.fetched_by and row.size_bytes
    assert [r.outcome for r in source.query("select outcome from landing.fetch order by fetch_id")] == [
        "new",
        "unchanged",
    ]


def test_references_and_periods_are_known_after_a_load(source):
    source.take()
    found = source.query(
        "select place_level, place_code, place_id, method from places.place_reference order by 2"
    )
    assert [tuple(r) for r in found] == [
        ("district", "01", "NP-2011:district:01", "exact_code"),
        ("country", "NP", "NP-2011:country:NP", "exact_code"),
    ]
    (period,) = source.query("select label, period_type, period, period_end::text from landing.period")
    assert tuple(period) == ("2011", "year", "2011", "2011-12-31")


def test_a_place_code_of_another_scheme_is_left_to_a_person(source):
    source.take(CSV.replace("district,01", "district,9999"))
    (row,) = source.query("select place_id, method from places.place_reference where place_code = '9999'")
    assert tuple(row) == (None, "unresolved")
    assert len(source.raw()) == 4, "its rows are loaded; they are counted as not placed"


def test_references_are_resolved_again_when_the_places_change(source, monkeypatch):
    source.take()
    with source.engine.begin() as connection:
        connection.execute(text("update places.place_reference set place_id = 'wrong', method = 'fuzzy'"))
    assert landing.resolve_places(source.engine, [source.contract]) == {}
    with source.engine.begin() as connection:
        connection.execute(text("update places.resolution set registry_sha256 = 'older'"))
    assert landing.resolve_places(source.engine, [source.contract]) == {"toilets": 2}
    assert source.query("select count(*) from places.place_reference where place_id = 'wrong'")[0][0] == 0
    assert landing.resolve_places(source.engine, [source.contract]) == {}


def test_new_bytes_are_a_new_delivery_and_old_ones_come_back_as_themselves(source):
    first, second = source.take(), source.take(CSV.replace("10", "11"))
    assert second.delivery_id != first.delivery_id
    assert source.query("select delivery_id from landing.current_delivery")[0][0] == second.delivery_id
    back = source.take(CSV)
    assert back == landing.Fetched("new", first.delivery_id)
    assert source.query("select delivery_id from landing.current_delivery")[0][0] == first.delivery_id
    assert source.fetch().outcome == "unchanged"


def test_a_changed_contract_is_read_again_under_the_same_id(source):
    first = source.take()
    columns = COLUMNS | {"total": {"type": "integer", "role": "measure", "maximum": 99}}
    source.contract = replace(make_contract(columns=columns), connector=source.contract.connector)
    again = source.take()
    assert again == landing.Fetched("new", first.delivery_id)
    assert source.raw() == ROWS


def test_a_wrong_contract_does_not_take_away_what_is_in_use(source):
    first = source.take()
    columns = COLUMNS | {"other": {"type": "integer", "role": "measure"}}
    source.contract = replace(make_contract(columns=columns), connector=source.contract.connector)
    again = source.fetch()
    assert again == landing.Fetched("new", first.delivery_id)
    with pytest.raises(DeliveryError, match="missing column 'other'"):
        source.load(again.delivery_id)
    landing.reject(source.engine, again.delivery_id, "missing column")
    (row,) = source.query("select delivery_id, reason from landing.current_delivery")
    assert tuple(row) == (first.delivery_id, "missing column")
    assert source.raw() == ROWS
    assert source.fetch().outcome == "new"


def test_a_held_back_delivery_is_not_read_again_and_the_accepted_one_stays(source):
    first = source.take()
    bad = source.fetch(CSV.replace("10", "-4"))
    source.load(bad.delivery_id)
    landing.hold_back(source.engine, bad.delivery_id, "total is negative")
    assert source.fetch().outcome == "unchanged"
    assert source.query("select delivery_id from landing.current_delivery")[0][0] == first.delivery_id


def test_a_rejected_delivery_changes_nothing_and_is_read_again(source):
    first = source.take()
    bad = source.fetch(CSV.replace("5", "five"))
    with pytest.raises(DeliveryError) as caught:
        source.load(bad.delivery_id)
    landing.reject(source.engine, bad.delivery_id, str(caught.value))
    assert source.status(bad.delivery_id) == "rejected"
    assert source.raw() == ROWS
    assert source.query("select delivery_id from landing.current_delivery")[0][0] == first.delivery_id
    assert source.fetch() == landing.Fetched("new", bad.delivery_id)


def test_a_delivery_that_is_not_loaded_cannot_be_accepted(source):
    fetched = source.fetch()
    with pytest.raises(StatloomError, match=r"is archived: it cannot become accepted before it is loaded"):
        landing.accept(source.engine, fetched.delivery_id)
    with pytest.raises(StatloomError, match="there is no delivery 4711"):
        landing.accept(source.engine, 4711)


def test_loading_again_replaces_what_was_loaded(source):
    fetched = source.take()
    source.load(fetched.delivery_id)
    assert source.raw() == ROWS


def test_quarantined_rows_are_kept_with_their_reasons(source):
    source.contract = replace(
        source.contract, tolerance=replace(source.contract.tolerance, unreadable_rows=0.5)
    )
    source.take(CSV.replace("01,NONE,5", "01,NONE,n.a."))
    (row,) = source.query(
        "select stage, row_number, column_name, reason, content from quality.quarantined_row"
    )
    assert tuple(row) == (
        "read",
        5,
        "total",
        "'n.a.' is not an integer",
        {"level": "district", "code": "01", "toilet": "NONE", "total": "n.a."},
    )
    (row,) = source.query("select rows_read, rows_loaded, rows_quarantined from landing.delivery")
    assert tuple(row) == (4, 3, 1)


def test_a_failed_look_is_recorded_without_secrets(source, monkeypatch):
    monkeypatch.setattr(web, "WAITS", (0.01,))
    source.contract = replace(
        source.contract,
        connector=replace(source.contract.connector, type="http", url="http://u:pw@127.0.0.1:1/x"),
    )
    with pytest.raises(StatloomError):
        source.fetch()
    (row,) = source.query("select outcome, message, fetched_from, run_id from landing.fetch")
    assert row.outcome == "failed" and "cannot be reached" in row.message and row.run_id == "run"
    assert "pw" not in row.message + row.fetched_from


def test_two_loads_at_once_leave_the_rows_once(source):
    fetched, failures = source.fetch(), []

    def load():
        try:
            source.load(fetched.delivery_id)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and source.raw() == ROWS


LARGE = "level,code,toilet,total\n" + "".join(
    f"district,{i % 75 + 1:02},KIND_{i},{i}\n" for i in range(60_000)
)


def break_after_first_write(monkeypatch, breaking):
    """Call ``breaking`` once, when the first rows of a COPY into raw have been sent."""
    sent = []
    original = loading._Sink.write

    def write(sink, data):
        written = original(sink, data)
        sent.append(written)
        if len(sent) == 1:
            breaking()
        return written

    monkeypatch.setattr(loading._Sink, "write", write)
    return sent


def test_a_connection_cut_in_the_middle_of_a_copy(source, monkeypatch, database):
    first = source.take()
    large = source.fetch(LARGE)

    def cut():
        with database.server.administrator() as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = %s and query ilike 'copy%%'",
                (database.name,),
            )

    sent = break_after_first_write(monkeypatch, cut)
    with pytest.raises(
        StatloomError, match=r"the database stopped .* while delivery \d+ of toilets was being loaded"
    ):
        source.load(large.delivery_id)
    assert sent
    monkeypatch.undo()
    monkeypatch.setenv("STATLOOM_HOME", str(database.home))
    assert source.raw() == ROWS and source.status(large.delivery_id) == "archived"
    assert source.query("select delivery_id from landing.current_delivery")[0][0] == first.delivery_id
    assert source.fetch() == landing.Fetched("new", large.delivery_id)
    assert source.load(large.delivery_id).rows_loaded == 60_000


def test_the_whole_server_killed_in_the_middle_of_a_copy(home, delivery, tmp_path, monkeypatch):
    here = settings.Settings(project=settings.PROJECT, home=home)
    try:
        running = server.ensure_running(here, options={"autovacuum": "off"})
        setup.prepare(here)

        def engine():
            found = server.ensure_running(here)
            password = passwords.of(here, "statloom_engineer")
            return create_engine(
                f"postgresql+psycopg://statloom_engineer:{password}@{found.host}:{found.port}/statloom"
            )

        source = Source(engine(), delivery, str(tmp_path / "archive"))
        source.take()
        large = source.fetch(LARGE)
        sent = break_after_first_write(monkeypatch, lambda: os.kill(running.pid, signal.SIGQUIT))
        with pytest.raises(StatloomError, match="the database stopped"):
            source.load(large.delivery_id)
        assert sent
        monkeypatch.undo()
        monkeypatch.setenv("STATLOOM_HOME", str(home))
        source.engine.dispose()
        source.engine = engine()
        assert source.raw() == ROWS and source.status(large.delivery_id) == "archived"
        assert source.load(large.delivery_id).rows_loaded == 60_000
        source.engine.dispose()
    finally:
        server.stop(here)


def test_a_database_whose_disk_is_full(source, database, tmp_path, monkeypatch):
    source.take()
    folder = tmp_path / "tablespace"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=777", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this account may not mount a file system")
    tablespace = f"small_{os.getpid()}"
    try:
        for part in (folder, *folder.parents):
            if not part.stat().st_mode & 1:
                part.chmod(part.stat().st_mode | 0o111)
        inner = folder / "data"
        inner.mkdir()
        with database.server.administrator() as connection:
            owner = connection.execute("show data_directory").fetchone()[0]
            os.chown(inner, os.stat(owner).st_uid, -1)
            connection.execute(f"create tablespace {tablespace} location '{inner}'")
            connection.execute(f"grant create on tablespace {tablespace} to statloom_engineer")
        with source.engine.begin() as connection:
            connection.execute(text(f"alter table raw.toilets set tablespace {tablespace}"))
        large = source.fetch(LARGE)
        with pytest.raises(StatloomError, match=r"the database's disk is full while delivery \d+ of toilets"):
            source.load(large.delivery_id)
        assert source.raw() == ROWS and source.status(large.delivery_id) == "archived"
        with source.engine.begin() as connection:
            connection.execute(text("alter table raw.toilets set tablespace pg_default"))
        assert source.load(large.delivery_id).rows_loaded == 60_000
    finally:
        with database.server.administrator() as connection:
            connection.execute(f"drop tablespace if exists {tablespace}")
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_database_that_is_not_there(delivery, tmp_path):
    nowhere = create_engine("postgresql+psycopg://u:p@127.0.0.1:1/x")
    with pytest.raises(
        StatloomError, match=r"the database stopped or cannot be reached while toilets was being"
    ):
        Source(nowhere, delivery, str(tmp_path / "archive")).fetch()
