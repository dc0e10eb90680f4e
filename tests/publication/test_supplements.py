"""Later versions lie in supplements: what readers see is what a full rebuild would show, whatever changed."""

import random

import pytest

from statloom.publication import publish, publisher, supplements
from tests.publication.marts import build, build_observation, query, run

pytestmark = pytest.mark.database

ROUNDS = 8
# Keys of two parts whose joined texts are alike: ('S1', '1P') and ('S11', 'P').
ROWS = """
select 'S' || n / 40 as series_code, case n % 3 when 0 then '1P' else 'P' end || n % 40 as place_code,
    '2011' as period, nullif(n % 11, 0)::numeric as value, nullif('note ' || n % 5, 'note 0') as note,
    jsonb_build_object('n', n) as details
from generate_series(1, 800) n
"""
KEY = "series_code, place_code"
CHANGES = (
    "update candidate.figures set value = case when random() < 0.3 then null else round(random() * 10) end "
    "where random() < 0.05",
    "update candidate.figures set note = case when note is null then '' end where random() < 0.05",
    "delete from candidate.figures where random() < 0.03",
    "insert into candidate.figures (series_code, place_code, period, value) "
    "select 'S1' || n, '1P' || random(), '2012', n from generate_series(1, 9) n",
    # Rows change their keys, and pass them on to one another.
    "update candidate.figures f set place_code = '9' || place_code where random() < 0.02",
    "with gone as (delete from candidate.figures where random() < 0.02 returning *) "
    "insert into candidate.figures (series_code, place_code, period, value) "
    "select series_code, place_code, period, -1 from gone",
    # Written and taken back.
    "update candidate.figures set value = value",
    "merge into candidate.figures f using (select * from candidate.figures where random() < 0.02) s "
    "on f.series_code = s.series_code and f.place_code = s.place_code "
    "when matched and f.value > 5 then delete when matched then update set value = 7",
)


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch):
    """Every mart gets supplements, and soon a second one."""
    monkeypatch.setattr(supplements, "SMALL_BYTES", 1)


def publish_now(database):
    return publish(database.engine, run_id="test", code_version="abc")


def shown(database, schema: str, number: int | None = None) -> list[tuple]:
    with database.engine.begin() as connection:
        if number:
            connection.exec_driver_sql(f"set local statloom.publication = '{number}'")
        rows = connection.exec_driver_sql(
            f"select to_jsonb(f) - 'reviewed' from {schema}.figures f order by {KEY}"
        )
        return [row for (row,) in rows]


def tables(database) -> list[str]:
    with database.engine.connect() as connection:
        return supplements.names(connection, "figures")


@pytest.mark.parametrize("seed", [1, 2])
def test_random_changes_show_what_a_full_rebuild_would(database, seed):
    chance = random.Random(seed)
    build(database.engine, "figures", ROWS, KEY)
    publish_now(database)
    published = {1: shown(database, "candidate")}
    for turn in range(ROUNDS):
        run(database.engine, f"select setseed({chance.random()})", *chance.sample(CHANGES, 3))
        wanted = shown(database, "candidate")
        if turn % 3 == 2:
            # dbt's way: another table, with the same rows in another order.
            build(
                database.engine,
                "again",
                "select * from candidate.figures order by value, details",
                KEY,
            )
            run(
                database.engine,
                "drop table candidate.figures",
                "alter table candidate.again rename to figures",
            )
        if turn == 5:
            run(
                database.engine,
                "alter table candidate.figures alter value type double precision, add column reviewed text",
            )
        number = publish_now(database).publication_id
        published[number] = wanted
        for past, rows in published.items():
            assert shown(database, "marts", past) == rows
    assert len(published) == ROUNDS + 1
    assert len(tables(database)) > 2
    # From nothing.
    rebuilt = shown(database, "marts")
    run(database.engine, "drop view marts.figures", "drop table published.figures cascade")
    publish_now(database)
    assert shown(database, "marts") == rebuilt == wanted


def test_later_versions_lie_in_the_supplement_and_count_as_the_marts(database):
    build_observation(database.engine)
    publish_now(database)
    run(database.engine, "update candidate.observation set value = -1 where place_code = 'P3'")
    publish_now(database)
    where = "select tableoid::regclass::text, count(*) from published.observation group by 1 order by 1"
    assert query(database.engine, where) == [
        ("published.observation", 500),
        ("published.observation__later_1", 25),
    ]
    indexed = "select count(*) from pg_indexes where schemaname = 'published' and tablename = '{}'"
    main, later = (
        query(database.engine, indexed.format(name)) for name in ("observation", "observation__later_1")
    )
    assert main == later
    # No mart of its own, and readers may not look into it.
    assert query(database.engine, "select count(*) from pg_views where schemaname = 'marts'") == [(1,)]
    with pytest.raises(Exception, match="permission denied"):
        query(database.engine_for("analyst"), 'select * from published."observation__later_1"')
    assert query(
        database.engine_for("analyst"), "select count(*) from marts.observation where value = -1"
    ) == [(25,)]


def test_a_new_key_holds_for_supplements_too(database):
    build(database.engine, "figures", ROWS, KEY)
    publish_now(database)
    run(database.engine, "update candidate.figures set value = -1 where place_code like '1P%'")
    publish_now(database)
    build(database.engine, "figures", ROWS, f"{KEY}, period")
    publish_now(database)
    assert shown(database, "marts") == shown(database, "candidate")
    keys = query(
        database.engine,
        "select count(*) from pg_constraint where contype = 'p' and connamespace = 'published'::regnamespace "
        "and cardinality(conkey) = 4",
    )
    assert keys == [(len(tables(database)),)]


def test_what_a_dead_publisher_wrote_to_a_supplement_is_cleared(database, monkeypatch):
    build_observation(database.engine)
    publish_now(database)
    run(database.engine, "update candidate.observation set value = -1 where place_code = 'P3'")
    publish_now(database)
    run(database.engine, "update candidate.observation set value = -2 where place_code in ('P3', 'P4')")

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publisher, "_flip", die)
        with pytest.raises(KeyboardInterrupt):
            publish_now(database)
    unseen = "select count(*) from published.observation where published_from > 2 or published_to > 2"
    assert query(database.engine, unseen) == [(100,)]
    run(database.engine, "update candidate.observation set value = -1 where place_code = 'P3'")
    run(database.engine, "update candidate.observation set value = -3 where place_code = 'P4'")
    assert publish_now(database).changes[0].changed == 25
    assert query(
        database.engine, "select value, count(*) from marts.observation where value < 0 group by 1 order by 1"
    ) == [(-3, 25), (-1, 25)]


def test_names_too_long_for_an_ending_stay_apart(database):
    names = ["figures_of_a_mart_whose_name_is_as_long_as_postgresql_allows__" + end for end in "ab"]
    for name in names:
        build(database.engine, name, ROWS, KEY)
    publish_now(database)
    for name in names:
        run(database.engine, f"update candidate.{name} set value = 12 where series_code = 'S3'")
    assert [change.changed for change in publish_now(database).changes] == [40, 40]
    for name in names:
        assert query(database.engine, f"select count(*) from marts.{name} where value = 12") == [(40,)]
