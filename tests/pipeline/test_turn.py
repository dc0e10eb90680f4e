"""Two warehouse runs at once: one waits or steps aside, never both at work."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from sqlalchemy import text

from statloom import processes
from statloom.errors import StatloomError
from statloom.pipeline import turn, warehouse

pytestmark = pytest.mark.database

# Holds its turn until it is told on its standard input to go on.
STEP = """
import sys
from functools import partial
from sqlalchemy import text
from statloom.pipeline import turn
from statloom.warehouse.connection import engine
name, patience = sys.argv[1], float(sys.argv[2])
def write(statement):
    with engine().begin() as connection:
        connection.execute(text(statement), {"name": name})
say = partial(print, flush=True)
with turn.taken(engine(), name, last=True, patience=patience, say=say):
    write("insert into raw.visit (name, began) values (:name, clock_timestamp())")
    say("at work")
    sys.stdin.readline()
    write("update raw.visit set ended = clock_timestamp() where name = :name")
"""


@pytest.fixture
def visits(database):
    with database.engine.begin() as connection:
        connection.execute(text("create table raw.visit (name text, began timestamptz, ended timestamptz)"))
    return lambda: [
        tuple(row) for row in _all(database, "select name, began, ended from raw.visit order by 2")
    ]


def _all(database, query):
    with database.engine.begin() as connection:
        return connection.execute(text(query)).all()


def start(name, patience=60, code=STEP):
    return subprocess.Popen(
        [sys.executable, "-c", code, name, str(patience)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def until_said(process, what):
    assert what in (line := process.stdout.readline()), line + process.stderr.read()


def test_the_second_process_waits_for_the_first(database, visits):
    first = start("first")
    until_said(first, "at work")
    second = start("second")
    until_said(second, "another warehouse run is at work (first, since")
    assert [name for name, *_ in visits()] == ["first"]
    first.communicate("go on\n", timeout=60)
    until_said(second, "at work")
    second.communicate("go on\n", timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    (one, _, one_ended), (two, two_began, _) = visits()
    assert (one, two) == ("first", "second")
    assert one_ended < two_began


def test_the_second_process_steps_aside_with_a_message(database, visits):
    first = start("first")
    until_said(first, "at work")
    second = start("second", patience=0)
    _, errors = second.communicate(timeout=60)
    assert second.returncode != 0
    assert "another warehouse run is at work (first, since" in errors
    assert "stepped aside and changed nothing" in errors
    assert [name for name, *_ in visits()] == ["first"]
    first.communicate("go on\n", timeout=60)


def test_a_run_killed_in_a_step_is_taken_over_at_once(database, visits, capsys):
    first = start("first")
    until_said(first, "at work")
    first.send_signal(signal.SIGKILL)
    first.wait()
    with turn.taken(database.engine, "second", first=True, patience=5):
        pass
    assert "warehouse run first was killed: second takes over" in capsys.readouterr().out
    with (
        pytest.raises(StatloomError, match="took over from this one"),
        turn.taken(database.engine, "first", patience=5),
    ):
        pytest.fail("a run that was taken over went on")


# Takes its first step, and waits.
BETWEEN = """
import sys
from statloom.pipeline import turn
from statloom.warehouse.connection import engine
with turn.taken(engine(), "first", first=True):
    pass
print("between two steps", flush=True)
sys.stdin.readline()
"""


def test_a_run_killed_between_two_steps_is_taken_over_at_once(database):
    first = start("first", code=BETWEEN)
    until_said(first, "between two steps")
    with (
        pytest.raises(StatloomError, match=r"another warehouse run is at work \(first"),
        turn.taken(database.engine, "second", first=True, patience=0),
    ):
        pytest.fail("two runs at work")
    first.send_signal(signal.SIGKILL)
    first.wait()
    with turn.taken(database.engine, "second", first=True, patience=0):
        pass


def test_a_run_that_cannot_be_looked_at_keeps_its_turn_for_a_while(database, monkeypatch):
    with turn.taken(database.engine, "first", first=True):
        pass
    statement = "update publication.warehouse_run set place = 'elsewhere', keeper = '1 1'"
    with database.engine.begin() as connection:
        connection.execute(text(statement))
    with (
        pytest.raises(StatloomError, match=r"another warehouse run is at work \(first"),
        turn.taken(database.engine, "second", first=True, patience=0),
    ):
        pytest.fail("two runs at work")
    monkeypatch.setattr(turn, "BETWEEN_STEPS", 0.0)
    with turn.taken(database.engine, "second", first=True, patience=5):
        pass


# Leaves a statement at work in the server when it is killed.
LONG = """
import sys
from sqlalchemy import text
from statloom.pipeline import turn
from statloom.warehouse.connection import engine
with turn.taken(engine(), "first", first=True), engine().begin() as connection:
    connection.execute(text("insert into raw.visit (name) values ('first')"))
    print("at work", flush=True)
    connection.execute(text("select pg_sleep(600)"))
"""


def test_what_a_killed_step_left_at_work_in_the_server_is_ended(database, visits):
    first = start("first", code=LONG)
    until_said(first, "at work")
    asleep = "select pid from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'"
    assert processes.wait_until(lambda: _all(database, asleep), seconds=10)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert _all(database, asleep), "the server goes on with the statement of a client that is gone"
    with turn.taken(database.engine, "second", first=True, patience=5):
        assert not _all(database, asleep)
    assert visits() == []


def test_a_step_that_lives_on_without_its_session_is_not_overtaken(database):
    """As after a restart of the server under it."""
    with (
        pytest.raises(StatloomError, match=r"the database stopped .* while first was at work"),
        turn.taken(database.engine, "first", first=True),
    ):
        with database.server.administrator() as administrator:
            administrator.execute(
                "select pg_terminate_backend(pid, 5000) from pg_locks"
                f" where locktype = 'advisory' and objid = {turn._LOCK}"
            )
        with (
            pytest.raises(StatloomError, match=r"another warehouse run is at work \(first"),
            turn.taken(database.engine, "second", first=True, patience=0),
        ):
            pytest.fail("two runs at work")
        turn.give_up(database.engine, "first")
        with database.engine.begin() as connection:
            connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))
    with turn.taken(database.engine, "second", first=True, patience=0):
        pass


def test_a_run_without_further_steps_gives_its_turn_up(database):
    turn.give_up(database.engine, "first")
    with turn.taken(database.engine, "first", first=True):
        turn.give_up(database.engine, "first")
    turn.give_up(database.engine, "second")
    with (
        pytest.raises(StatloomError, match="stepped aside"),
        turn.taken(database.engine, "second", first=True, patience=0),
    ):
        pytest.fail("two runs at work")
    turn.give_up(database.engine, "first")
    with turn.taken(database.engine, "second", first=True, patience=0):
        pass


def test_a_run_keeps_its_turn_between_its_steps(database):
    with turn.taken(database.engine, "first", first=True):
        pass
    with (
        pytest.raises(StatloomError, match="stepped aside"),
        turn.taken(database.engine, "second", first=True, patience=0),
    ):
        pytest.fail("two runs at work")
    entered = threading.Event()

    def second():
        with turn.taken(database.engine, "second", first=True, patience=60):
            entered.set()

    waiting = threading.Thread(target=second)
    waiting.start()
    with turn.taken(database.engine, "first", last=True):
        assert not entered.wait(0.3)
    waiting.join(60)
    assert entered.is_set()


def test_a_run_that_fails_or_finds_nothing_leaves_its_turn(database):
    with pytest.raises(ValueError), turn.taken(database.engine, "first", first=True):
        raise ValueError
    with turn.taken(database.engine, "second", first=True, patience=0) as end:
        end()
    with turn.taken(database.engine, "third", first=True, patience=0):
        pass


def test_steps_without_a_run_id_are_of_their_process(database):
    for _ in range(2):
        with turn.taken(database.engine, None, patience=0):
            pass
    assert turn.owner(None).startswith(f"process {os.getpid()} on ")


@pytest.mark.parametrize(
    "step",
    [
        lambda: warehouse.changed_inputs(run_id="second"),
        lambda: warehouse.transform("staging", run_id="second"),
        lambda: warehouse.gate(run_id="second"),
        lambda: warehouse.publish("inputs", run_id="second"),
    ],
)
def test_every_step_of_the_pipeline_waits_for_its_turn(database, monkeypatch, step):
    monkeypatch.setattr(turn, "PATIENCE", 0.0)
    with (
        turn.taken(database.engine, "first", first=True),
        pytest.raises(StatloomError, match=r"another warehouse run is at work \(first"),
    ):
        step()
