"""A publisher killed at any step leaves whole marts, and the next one completes without help."""

import time

import pytest
from sqlalchemy import event

from statloom.errors import StatloomError
from statloom.publication import publish, publisher
from tests.publication import killing
from tests.publication.marts import build_observation, build_profile, query

pytestmark = pytest.mark.database
MARTS = ("observation", "place_profile")


def build(database, stamp: int) -> None:
    build_observation(database.engine, stamp=stamp, factor=stamp, places=10 + stamp)
    build_profile(database.engine, stamp=stamp, places=10 + stamp)


def rows(database, schema: str) -> list:
    return [query(database.engine, f"select * from {schema}.{mart} order by 1, 2") for mart in MARTS]


def publish_now(engine, _steps=None):
    return publish(engine, run_id="test", code_version="abc")


def publish_dying(database, fatal: int) -> bool:
    database.engine.dispose()
    return killing.run(database.url().render_as_string(hide_password=False), fatal, publish_now)


@pytest.mark.parametrize("first", [True, False], ids=["first publication", "second publication"])
def test_marts_are_whole_whenever_the_publisher_dies(database, first):
    number = 1
    if not first:
        build(database, 1)
        publish_now(database.engine)
        number = 2
    before = [[], []] if first else rows(database, "marts")
    build(database, 2)
    after = rows(database, "candidate")
    died = flipped = 0
    # Every sixth step; each attempt meets what the last one left.
    for fatal in range(2, 400, 6):
        if publish_dying(database, fatal):
            break
        died += 1
        # A flip shows itself a moment after it.
        time.sleep(0.1)
        shown = query(database.engine, "select count(*) from pg_views where schemaname = 'marts'")
        now = rows(database, "marts") if shown == [(2,)] else [[], []]
        assert now in (before, after), f"mixed marts after dying at step {fatal}"
        if now == after:
            flipped += 1
            again = publish_now(database.engine)
            assert (again.publication_id, again.changed) == (number, False)
            break
    assert died >= 10
    assert flipped == 1
    assert rows(database, "marts") == after
    statuses = query(database.engine, "select publication_id, status from publication.publication order by 1")
    assert statuses == [(n, "published") for n in range(1, number + 1)]
    for mart in MARTS:
        unseen = f"published_from > {number} or published_to > {number}"
        assert query(database.engine, f"select count(*) from published.{mart} where {unseen}") == [(0,)]
    with database.engine.begin() as connection:
        connection.exec_driver_sql(f"set local statloom.publication = '{number - 1}'")
        for mart, wanted in zip(MARTS, before, strict=True):
            read = connection.exec_driver_sql(f"select * from marts.{mart} order by 1, 2")
            assert [tuple(row) for row in read] == wanted


def test_written_and_never_flipped_is_cleared(database, monkeypatch):
    build(database, 1)
    publish_now(database.engine)
    before = rows(database, "marts")
    build(database, 2)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publisher, "_flip", die)
        with pytest.raises(KeyboardInterrupt):
            publish_now(database.engine)
    written = "select count(*) > 0 from published.observation where published_from = 2"
    assert query(database.engine, written) == [(True,)]
    assert rows(database, "marts") == before
    # Meanwhile the candidates were built back to what is published: the leftovers must not come to light.
    build(database, 1)
    again = publish_now(database.engine)
    assert (again.publication_id, again.changed) == (1, False)
    assert rows(database, "marts") == before
    build(database, 3)
    assert publish_now(database.engine).publication_id == 2
    assert rows(database, "marts") == rows(database, "candidate")


def test_a_database_that_stops_answering_is_said_so(database):
    build(database, 1)
    publish_now(database.engine)
    before = rows(database, "marts")
    build(database, 2)
    cut = []

    def cut_off(_connection, _cursor, statement, *_):
        if statement.lstrip().startswith("insert into published") and not cut:
            cut.append(statement)
            others = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
            with database.server.administrator() as administrator:
                administrator.execute(others + "and datname = %s", (database.name,))

    event.listen(database.engine, "before_cursor_execute", cut_off)
    with pytest.raises(
        StatloomError, match=r"the database failed while a publication was written \(.*terminat"
    ):
        publish_now(database.engine)
    assert cut
    assert rows(database, "marts") == before
    assert publish_now(database.engine).changed
    assert rows(database, "marts") == rows(database, "candidate")
