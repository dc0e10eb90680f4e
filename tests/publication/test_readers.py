"""Readers while publications are written: none fails, none waits, none sees two publications at once."""

import threading
import time

import pytest
from sqlalchemy import text

from statloom.publication import publish
from tests.publication.marts import build_observation, build_profile, query, run

pytestmark = pytest.mark.database
READERS = 8
PUBLICATIONS = 5
LONG_SECONDS = 4.0
# A view of a user's own, and who may read what.
OFFICE = (
    "create schema office",
    "create view office.figures as select * from marts.observation where obs_status is distinct from 'X'",
    "grant usage on schema office to statloom_analyst",
    "grant select on office.figures to statloom_analyst",
    "grant select on marts.observation to statloom_monitor",
)
GRANTS = (
    "select c.oid::regclass::text, a.grantee::regrole::text, a.privilege_type from pg_class c "
    "cross join aclexplode(c.relacl) a "
    "where c.relnamespace in ('marts'::regnamespace, 'office'::regnamespace) "
    "order by 1, 2, 3"
)


def build(database, stamp: int) -> None:
    build_observation(database.engine, stamp=stamp)
    build_profile(database.engine, stamp=stamp)


class Reader(threading.Thread):
    """Reads both marts and a user's own view in one transaction again and again, and keeps what it saw."""

    def __init__(self, engine, isolation: str, pause: float, stop: threading.Event) -> None:
        super().__init__()
        self.engine = engine.execution_options(isolation_level=isolation)
        self.pause, self.stop = pause, stop
        self.seen: list[tuple] = []
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                with self.engine.begin() as connection:
                    one = self.read(connection, "marts.observation")
                    time.sleep(self.pause)
                    two = self.read(connection, "marts.place_profile")
                    assert self.read(connection, "office.figures") == one
                    self.seen.append((one, two))
        except Exception as error:
            self.error = error

    @staticmethod
    def read(connection, mart: str) -> tuple:
        statement = f"select count(*), min(stamp), max(stamp) from {mart}"
        return tuple(connection.execute(text(statement)).one())


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_no_read_fails_is_empty_or_mixed(database, isolation):
    build(database, 1)
    publish(database.engine, run_id="test", code_version="abc")
    run(database.engine, *OFFICE)
    grants = query(database.engine, GRANTS)
    stop = threading.Event()
    analyst = database.engine_for("analyst")
    # One of them keeps each transaction open over whole publications.
    pauses = [0.002 * n for n in range(READERS - 1)] + [LONG_SECONDS]
    readers = [Reader(analyst, isolation, pause, stop) for pause in pauses]
    for reader in readers:
        reader.start()
    for stamp in range(2, 2 + PUBLICATIONS):
        build(database, stamp)
        publish(database.engine, run_id="test", code_version="abc")
        time.sleep(0.1)
    stop.set()
    for reader in readers:
        reader.join()
    assert [reader.error for reader in readers if reader.error] == []
    reads = [pair for reader in readers for pair in reader.seen]
    assert len(reads) > 20 * PUBLICATIONS
    for (rows, low, high), (profile_rows, profile_low, profile_high) in reads:
        assert (rows, profile_rows) == (500, 100)
        assert low == high == profile_low == profile_high
    assert {low for (_, low, _), _ in reads} == set(range(1, 2 + PUBLICATIONS))
    assert readers[-1].seen, "the long reader"
    assert query(database.engine, GRANTS) == grants
    assert ("office.figures", "statloom_analyst", "SELECT") in grants


def test_a_transaction_keeps_its_publication_and_the_next_sees_the_new_one(database):
    build(database, 1)
    publish(database.engine, run_id="test", code_version="abc")
    with database.engine_for("analyst").connect() as connection:
        first = connection.execute(text("select max(stamp) from marts.observation")).scalar_one()
        build(database, 2)
        publish(database.engine, run_id="test", code_version="abc")
        again = connection.execute(text("select max(stamp) from marts.place_profile")).scalar_one()
        connection.rollback()
        after = connection.execute(text("select max(stamp) from marts.observation")).scalar_one()
    assert (first, again, after) == (1, 1, 2)


def test_a_long_reader_does_not_hold_up_a_publication(database):
    build(database, 1)
    publish(database.engine, run_id="test", code_version="abc")
    with database.engine_for("analyst").connect() as connection:
        connection.execute(text("select count(*) from marts.observation, marts.place_profile")).scalar_one()
        build(database, 2)
        # Were it held up, it would wait for the transaction that ends after it.
        publish(database.engine, run_id="test", code_version="abc")
    assert query(database.engine_for("analyst"), "select max(stamp) from marts.observation") == [(2,)]


def test_a_new_column_waits_for_readers_without_holding_up_others(database):
    build(database, 1)
    publish(database.engine, run_id="test", code_version="abc")
    analyst = database.engine_for("analyst")
    with analyst.connect() as holder:
        holder.execute(text("select count(*) from marts.observation"))
        build(database, 2)
        with database.engine.begin() as connection:
            connection.exec_driver_sql("alter table candidate.observation add note text")
        publisher = threading.Thread(
            target=publish, args=(database.engine,), kwargs={"run_id": "test", "code_version": "abc"}
        )
        publisher.start()
        slowest = 0.0
        for _ in range(10):
            begun = time.monotonic()
            query(analyst, "select count(*) from marts.observation")
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.1)
        assert publisher.is_alive()
        assert slowest < 1
    publisher.join()
    assert query(analyst, "select max(stamp), count(note) from marts.observation") == [(2, 0)]
