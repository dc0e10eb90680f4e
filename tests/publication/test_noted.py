"""Candidates that are kept and changed in place: only noted rows are looked at, and nothing is missed."""

import pytest
from sqlalchemy import text

from statloom.publication import difference, noted, publish, publisher
from tests.publication.marts import build_observation, query, run

pytestmark = pytest.mark.database

SAME = """
select count(*) from (
    (select * from candidate.observation except select * from marts.observation)
    union all (select * from marts.observation except select * from candidate.observation)
) d
"""


@pytest.fixture
def looked_at(database, monkeypatch):
    """Every comparison of a mart: ``noted`` or ``all``."""
    how = []
    for name, said in (("find_noted", "noted"), ("find", "all")):
        real = getattr(difference, name)

        def find(*arguments, real=real, said=said):
            how.append(said)
            return real(*arguments)

        monkeypatch.setattr(difference, name, find)
    build_observation(database.engine)
    publish_now(database)
    return how


def publish_now(database):
    (change,) = publish(database.engine, run_id="test", code_version="abc").changes
    assert query(database.engine, SAME) == [(0,)]
    return change.added, change.changed, change.removed


def test_rows_changed_in_place_are_looked_up(database, looked_at):
    run(
        database.engine,
        "update candidate.observation set value = value + 1 where place_code = 'P3'",
        "delete from candidate.observation where place_code = 'P4'",
        "insert into candidate.observation select md5('new')::uuid, 'S1', 'P99', '2001', 7, 'A', '{}', 1",
    )
    assert publish_now(database) == (1, 25, 25)
    assert publish_now(database) == (0, 0, 0)
    assert looked_at == ["noted", "noted"]
    assert query(database.engine, "select count(*) from publication.observation__noted") == [(0,)]


def test_a_changed_key_is_a_row_removed_and_one_added(database, looked_at):
    run(
        database.engine,
        "update candidate.observation set observation_key = md5('other')::uuid "
        "where observation_key = (select observation_key from candidate.observation limit 1)",
    )
    assert publish_now(database) == (1, 0, 1)
    assert looked_at == ["noted"]


def test_a_change_taken_back_is_none(database, looked_at):
    run(database.engine, "update candidate.observation set value = value + 1")
    run(database.engine, "update candidate.observation set value = value - 1")
    assert publish_now(database) == (0, 0, 0)


@pytest.mark.parametrize(
    "past_the_notes",
    [
        # Each changes rows without a note.
        [
            "alter table candidate.observation disable trigger statloom_note_update",
            "update candidate.observation set value = value + 1 where place_code = 'P3'",
            "alter table candidate.observation enable always trigger statloom_note_update",
        ],
        [
            "drop trigger statloom_note_update on candidate.observation",
            "update candidate.observation set value = value + 1 where place_code = 'P3'",
        ],
        [
            "alter table candidate.observation alter column value type numeric "
            "using case place_code when 'P3' then value + 1 else value end",
        ],
        [
            "create temporary table rest as select * from candidate.observation",
            "truncate candidate.observation",
            "alter table candidate.observation disable trigger user",
            "update rest set value = value + 1 where place_code = 'P3'",
            "insert into candidate.observation select * from rest",
            "drop table rest",
        ],
    ],
)
def test_what_passed_the_notes_is_found(database, looked_at, past_the_notes):
    run(database.engine, *past_the_notes)
    assert publish_now(database) == (0, 25, 0)
    assert looked_at == ["all"]


def test_a_new_column_with_a_default_is_found(database, looked_at):
    run(database.engine, "alter table candidate.observation add column reviewed boolean default true")
    assert publish_now(database) == (0, 500, 0)


def test_a_table_made_anew_is_compared_whole(database, looked_at):
    build_observation(database.engine, stamp=2)
    assert publish_now(database) == (0, 500, 0)
    assert looked_at == ["all"]


def test_notes_of_a_publication_that_never_came_are_not_lost(database, looked_at, monkeypatch):
    run(database.engine, "update candidate.observation set value = value + 1 where place_code = 'P3'")

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(publisher, "_flip", die)
    with pytest.raises(KeyboardInterrupt):
        publish(database.engine, run_id="test", code_version="abc")
    monkeypatch.undo()
    assert publish_now(database) == (0, 25, 0)


def test_many_notes_are_not_looked_up_one_by_one(database, looked_at, monkeypatch):
    monkeypatch.setattr(noted, "_FEW", 100)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze published.observation"))
    run(database.engine, "update candidate.observation set stamp = 2")
    assert publish_now(database) == (0, 500, 0)
    assert looked_at == ["all"]


def test_a_trigger_of_another_that_writes_too_is_not_trusted(database, looked_at):
    run(
        database.engine,
        "create function candidate.doubled() returns trigger language plpgsql as $$ begin "
        "update candidate.observation set value = value * 2 where observation_key = new.observation_key; "
        "return null; end $$",
        "create trigger doubling after update on candidate.observation for each row "
        "when (pg_trigger_depth() = 0) execute function candidate.doubled()",
        "update candidate.observation set value = -1 where place_code = 'P3'",
        "drop trigger doubling on candidate.observation",
    )
    assert publish_now(database) == (0, 25, 0)
    assert looked_at == ["all"]


def test_writing_goes_on_when_it_cannot_be_noted(database, looked_at):
    run(
        database.engine,
        "drop table publication.observation__noted",
        "update candidate.observation set value = -1 where place_code = 'P3'",
    )
    assert publish_now(database) == (0, 25, 0)
    run(database.engine, "update candidate.observation set value = -2 where place_code = 'P3'")
    assert publish_now(database) == (0, 25, 0)
    assert looked_at == ["all", "noted"]


def test_a_key_passed_on_within_one_statement_is_no_row_removed(database, looked_at):
    run(
        database.engine,
        "with gone as (delete from candidate.observation where place_code = 'P3' returning *) "
        "insert into candidate.observation select observation_key, series_code, place_code, period, -1, "
        "obs_status, details, stamp from gone",
    )
    assert publish_now(database) == (0, 25, 0)
    assert looked_at == ["noted"]


def test_a_statement_that_writes_most_rows_is_not_noted_row_by_row(database, looked_at):
    build_observation(database.engine, places=200)
    publish_now(database)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze candidate.observation"))
    run(database.engine, "update candidate.observation set stamp = 2 where place_code <> 'P3'")
    assert query(database.engine, "select count(*) from publication.observation__noted") == [(0,)]
    assert publish_now(database) == (0, 4975, 0)
    run(database.engine, "update candidate.observation set stamp = 2 where place_code = 'P3'")
    assert publish_now(database) == (0, 25, 0)
    assert looked_at == ["all", "all", "noted"]
