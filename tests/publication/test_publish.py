"""What publish() writes, what readers then see, and what it refuses."""

import threading

import pytest
from sqlalchemy import text

from statloom.errors import StatloomError
from statloom.publication import publish, revision
from tests.publication.marts import build, build_observation, build_profile, query, run

pytestmark = pytest.mark.database


def publish_now(database, **options):
    return publish(database.engine, run_id="test", code_version="abc123", **options)


def changes(publication):
    return {c.mart: (c.added, c.changed, c.removed) for c in publication.changes}


def candidate_equals_mart(database, mart):
    columns = ", ".join(
        name
        for (name,) in query(
            database.engine,
            "select column_name from information_schema.columns "
            f"where table_schema = 'candidate' and table_name = '{mart}'",
        )
    )
    both = [f"select {columns} from candidate.{mart}", f"select {columns} from marts.{mart}"]
    for one, other in (both, both[::-1]):
        assert query(database.engine, f"select count(*) from ({one} except all {other}) d") == [(0,)]


def test_first_publication_shows_every_candidate_row(database):
    build_observation(database.engine)
    build_profile(database.engine)
    first = publish_now(database)
    assert (first.publication_id, first.changed) == (1, True)
    assert changes(first) == {"observation": (500, 0, 0), "place_profile": (100, 0, 0)}
    candidate_equals_mart(database, "observation")
    candidate_equals_mart(database, "place_profile")
    assert query(database.engine, "select status, run_id, code_version from publication.publication") == [
        ("published", "test", "abc123")
    ]
    assert query(database.engine, "select publication_id from publication.pointer") == [(1,)]


def test_only_what_differs_is_written(database):
    build_observation(database.engine)
    publish_now(database)
    build_observation(database.engine, places=21)
    run(
        database.engine,
        "delete from candidate.observation where place_code = 'P3'",
        "update candidate.observation set obs_status = 'E' where place_code = 'P4' and obs_status is null",
        "update candidate.observation set value = value + 0.5 where place_code = 'P5'",
        "update candidate.observation set details = '{\"n\": 0}' "
        "where place_code = 'P6' and series_code = 'S1'",
    )
    touched = "place_code = 'P4' and obs_status = 'E'"
    missing = query(database.engine, f"select count(*) from candidate.observation where {touched}")[0][0]
    assert missing > 0
    second = publish_now(database)
    assert changes(second) == {"observation": (25, missing + 25 + 5, 25)}
    candidate_equals_mart(database, "observation")
    versions = query(database.engine, "select count(*) from published.observation where published_from = 2")
    assert versions == [(25 + missing + 25 + 5,)]
    assert query(
        database.engine,
        "select rows_added, rows_changed, rows_removed from publication.mart_change where publication_id = 2",
    ) == [(25, missing + 30, 25)]


def test_nothing_changed_is_no_new_publication(database):
    build_observation(database.engine)
    publish_now(database)
    build_observation(database.engine)
    again = publish_now(database)
    assert (again.publication_id, again.changed) == (1, False)
    assert changes(again) == {"observation": (0, 0, 0)}
    assert query(database.engine, "select count(*) from publication.publication") == [(1,)]


def test_one_changed_cell_in_any_column_is_seen(database):
    build_observation(database.engine)
    publish_now(database)
    plants = {
        "series_code": "'S9'",
        "value": "value + 0.01",
        "obs_status": "case when obs_status is null then 'A' end",
        "details": "details || '{\"x\": 1}'",
        "stamp": "stamp + 1",
    }
    for number, (column, value) in enumerate(plants.items(), start=2):
        run(
            database.engine,
            f"update candidate.observation set {column} = {value} where details ->> 'n' = '20021'",
        )
        assert changes(publish_now(database)) == {"observation": (0, 1, 0)}, column
        assert query(database.engine, "select publication_id from publication.current") == [(number,)]
    candidate_equals_mart(database, "observation")


def test_as_of_shows_exactly_what_was_published(database):
    published = {}
    for stamp, places in enumerate((20, 22, 18), start=1):
        build_observation(database.engine, places=places, factor=stamp)
        build_profile(database.engine, places=places, stamp=stamp)
        number = publish_now(database).publication_id
        published[number] = [
            query(database.engine, f"select * from marts.{mart} order by 1, 2")
            for mart in ("observation", "place_profile")
        ]
    assert len(published) == 3
    for number, rows in published.items():
        with database.engine_for("analyst").begin() as connection:
            connection.exec_driver_sql(f"set local statloom.publication = '{number}'")
            for mart, wanted in zip(("observation", "place_profile"), rows, strict=True):
                read = connection.execute(text(f"select * from marts.{mart} order by 1, 2"))
                assert [tuple(row) for row in read] == wanted
    with database.engine_for("analyst").begin() as connection:
        connection.exec_driver_sql("set local statloom.publication = '99'")
        count = connection.execute(text("select count(*) from marts.observation")).scalar_one()
    assert count == len(published[3][0])


def test_revision_says_what_changed_cell_by_cell(database):
    build_observation(database.engine)
    publish_now(database)
    run(
        database.engine,
        "update candidate.observation set value = -1, obs_status = 'E' where details ->> 'n' = '10010'",
        "delete from candidate.observation where details ->> 'n' = '10020'",
        "insert into candidate.observation select gen_random_uuid(), 'NEW', place_code, period, 7, 'A', "
        "details, 1 from candidate.observation where details ->> 'n' = '10010'",
    )
    publish_now(database)
    rows = revision(database.engine, 2)
    assert sorted(rows["change"]) == ["added", "changed", "removed"]
    by_change = rows.set_index("change")
    assert by_change.loc["changed", "after"] == {"value": -1, "obs_status": "E"}
    assert by_change.loc["changed", "before"] == {"value": 10010, "obs_status": None} or by_change.loc[
        "changed", "before"
    ] == {"value": 10010, "obs_status": "A"}
    assert by_change.loc["added", "before"] is None
    assert by_change.loc["added", "after"]["series_code"] == "NEW"
    assert by_change.loc["removed", "before"]["place_code"] == "P2"
    assert set(rows["mart"]) == {"observation"}
    assert len(revision(database.engine, 1)) == 500
    with pytest.raises(StatloomError, match="publication 9 does not exist"):
        revision(database.engine, 9)


def test_grants_descriptions_and_views_of_users_stay(database):
    build_observation(database.engine)
    run(
        database.engine,
        "comment on table candidate.observation is 'Every figure''s 100 %: as published'",
        "comment on column candidate.observation.value is 'The figure'",
    )
    publish_now(database)
    run(
        database.engine,
        "create schema office",
        "create view office.totals as "
        "select series_code, sum(value) as value from marts.observation group by 1",
        "grant select on marts.observation to statloom_portal",
        "grant usage on schema marts to statloom_portal",
    )
    assert query(database.engine_for("analyst"), "select count(*) from marts.observation") == [(500,)]
    build_observation(database.engine, factor=2)
    run(database.engine, "comment on column candidate.observation.value is 'The figure, doubled'")
    publish_now(database)
    assert query(database.engine_for("portal"), "select count(*) from marts.observation") == [(500,)]
    assert query(
        database.engine,
        "select (select sum(value) from office.totals) = (select sum(value) from candidate.observation)",
    ) == [(True,)]
    comments = (
        "select obj_description(c.oid, 'pg_class'), col_description(c.oid, a.attnum) from pg_class c "
        "join pg_attribute a on a.attrelid = c.oid and a.attname = 'value' "
        "where c.oid = cast('marts.observation' as regclass)"
    )
    assert query(database.engine, comments) == [(None, "The figure, doubled")]
    with pytest.raises(Exception, match="permission denied"):
        query(database.engine_for("analyst"), "select count(*) from published.observation")


def test_new_column_is_appended_and_users_views_stay(database):
    build_observation(database.engine)
    publish_now(database)
    run(
        database.engine,
        "create schema office",
        "create view office.everything as select * from marts.observation",
        "alter table candidate.observation add note text",
        "update candidate.observation set note = 'checked' where place_code = 'P1'",
    )
    second = publish_now(database)
    assert changes(second) == {"observation": (0, 25, 0)}
    candidate_equals_mart(database, "observation")
    assert query(database.engine, "select count(*) from office.everything") == [(500,)]
    # The hashes were made anew over the new columns: nothing differs now.
    assert not publish_now(database).changed


def test_column_gone_or_retyped_is_refused_when_a_users_view_needs_it(database):
    build_observation(database.engine)
    publish_now(database)
    run(
        database.engine,
        "create schema office",
        "create view office.everything as select * from marts.observation",
    )
    for plant in ("drop column stamp", "alter column stamp type text"):
        build_observation(database.engine, factor=3)
        run(database.engine, f"alter table candidate.observation {plant}")
        with pytest.raises(StatloomError, match=r"column stamp is .*office\.everything stands on marts\.obs"):
            publish_now(database)
        assert query(database.engine, "select max(value) from marts.observation") == [(50204,)]
    run(database.engine, "drop view office.everything")
    run(
        database.engine,
        "grant usage on schema marts to statloom_portal",
        "grant select on marts.observation to statloom_portal",
    )
    publish_now(database)
    candidate_equals_mart(database, "observation")
    assert query(database.engine_for("portal"), "select min(stamp) from marts.observation") == [("1",)]
    run(database.engine, "alter table candidate.observation drop column stamp")
    assert not publish_now(database).changed
    candidate_equals_mart(database, "observation")
    build_observation(database.engine)
    run(
        database.engine,
        "alter table candidate.observation alter details type text, alter series_code type integer using 1",
    )
    with pytest.raises(
        StatloomError, match="column series_code: published as text, the candidate has integer"
    ):
        publish_now(database)


def test_what_cannot_be_published_is_refused(database):
    with pytest.raises(StatloomError, match="schema candidate has no tables"):
        publish_now(database)
    run(database.engine, "create schema candidate", "create table candidate.keyless as select 1 as a")
    with pytest.raises(StatloomError, match=r"candidate\.keyless has no primary key"):
        publish_now(database)
    run(database.engine, "drop table candidate.keyless")
    build_observation(database.engine)
    build_profile(database.engine)
    publish_now(database)
    build_observation(database.engine, factor=2)
    run(database.engine, "drop table candidate.place_profile")
    with pytest.raises(StatloomError, match=r"candidate\.place_profile is missing"):
        publish_now(database)
    assert query(database.engine, "select max(value) from marts.observation") == [(50204,)]


def test_names_and_types_out_of_the_ordinary(database):
    build(
        database.engine,
        '"Odd mart 100%"',
        """select n as "key, of 'it'", 'a:b %s' || n as "Value %", ('{"a": ' || n || '}')::json as document,
        numeric '1.50' as number, null::double precision as nothing from generate_series(1, 10) n""",
        "\"key, of 'it'\"",
    )
    publish_now(database)
    assert not publish_now(database).changed
    run(
        database.engine,
        """update candidate."Odd mart 100%" set document = '{"a": -1}' where "key, of 'it'" = 4""",
    )
    assert changes(publish_now(database)) == {"Odd mart 100%": (0, 1, 0)}
    rows = revision(database.engine, 2)
    assert rows.loc[0, "key"] == {"key, of 'it'": 4}
    assert rows.loc[0, "after"] == {"document": {"a": -1}}


def test_a_second_publisher_waits_or_steps_aside(database):
    build_observation(database.engine)
    with database.engine.connect() as holder:
        holder.exec_driver_sql("select pg_advisory_lock(1937009775)")
        with pytest.raises(StatloomError, match=r"another publication is being written \(server process \d+"):
            publish_now(database, wait_seconds=0.3)
        holder.exec_driver_sql("select pg_advisory_unlock(1937009775)")
        holder.rollback()
    results, errors = [], []

    def one():
        try:
            results.append(publish_now(database, wait_seconds=60))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(p.changed for p in results) == [False, False, False, True]
    assert {p.publication_id for p in results} == {1}


def test_readers_by_series_and_place_use_an_index(database):
    build_observation(database.engine, places=400)
    publish_now(database)
    for where in ("series_code = 'S2' and place_code = 'P7'", "place_code = 'P7'"):
        plan = "\n".join(
            row[0] for row in query(database.engine, f"explain select * from marts.observation where {where}")
        )
        assert "Index" in plan and "Seq Scan on observation" not in plan, plan
        assert "published_from" not in plan.partition("Filter")[0], plan


def test_marts_are_indexed_as_they_are_asked_also_those_of_an_earlier_version(database):
    select = "select md5(n::text)::uuid as observation_key, 'S' || n as series_code, 'P' || n as place_id, "
    build(
        database.engine,
        "observation",
        select + "n::text as place_code, '2011' as period, n as value from generate_series(1, 50) n",
        "observation_key",
    )
    publish_now(database)
    indexed = "select indexdef from pg_indexes where tablename = 'observation' and schemaname = 'published'"

    def indexes():
        return " ".join(definition for (definition,) in query(database.engine, indexed))

    wanted = ("(series_code, place_code, period)", "(place_code, series_code)", "(place_id, series_code)")
    assert all(columns in indexes() for columns in wanted)
    ((name,),) = query(
        database.engine,
        "select indexname from pg_indexes where schemaname = 'published' "
        "and indexdef like '%(place_id, series_code)'",
    )
    run(database.engine, f"drop index published.{name}")
    assert "(place_id, series_code)" not in indexes()
    publish_now(database)
    assert all(indexes().count(columns) == 1 for columns in wanted)
