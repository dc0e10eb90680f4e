"""What each publication changed and why: every kind of input is changed once, and must be named."""

import json

import pytest
from sqlalchemy import text

from statloom import lineage
from statloom.pipeline import inputs
from statloom.pipeline.inputs import Part
from statloom.publication import publish

pytestmark = pytest.mark.database

FIGURES = """
drop table if exists candidate.observation;
create table candidate.observation as
select md5(concat_ws('|', series_code, place_id, period, source_id))::uuid as observation_key, series_code,
    place_id, period, source_id, geo_method, value::numeric as value
from (values
    ('S1', 'P1', '2011', 'census', 'observed', 10),
    ('S1', 'P2', '2011', 'census', 'apportioned', 20),
    ('S2', 'P1', '2011', 'census', 'observed', 30),
    ('S3', 'P1', '2011', 'health', 'observed', 40)
) as f (series_code, place_id, period, source_id, geo_method, value);
alter table candidate.observation add primary key (observation_key)
"""

PARTS = (
    Part("delivery", "census", "aaaa", {"delivery_id": 1, "file": "census.csv"}),
    Part("delivery", "health", "hhhh", {"delivery_id": 2, "file": "health.csv"}),
    Part("contract", "census", "c1"),
    Part("contract", "health", "c2"),
    Part("place_reference", "census", "r1"),
    Part("place_decision", "census", "d1"),
    Part("place_registry", "places/place.csv", "p1"),
    Part("crosswalk", "places/crosswalk.csv", "w1"),
    Part("metadata", "reference/series.csv", "m1", {"rows": {"S1": "1", "S2": "2", "S3": "3"}}),
    Part("metadata", "reference/unit.csv", "u1"),
    Part("code", "dbt_project", "x1"),
)


class Office:
    """A warehouse whose inputs and candidates the test changes by hand."""

    def __init__(self, database):
        self.engine, self.database = database.engine, database
        self.parts = {(part.kind, part.name): part for part in PARTS}
        self.run("create schema candidate", FIGURES)

    def run(self, *statements):
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def rows(self, query):
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def change(self, kind, name, digest, detail=None):
        self.parts[kind, name] = Part(kind, name, digest, detail or self.parts[kind, name].detail)

    def publish(self):
        """Publish as the pipeline does, and return what is recorded of the last publication."""
        parts = list(self.parts.values())
        now = inputs.fingerprint(self.engine, parts)
        published = publish(self.engine, run_id="test", code_version="abc")
        with self.engine.begin() as connection:
            inputs.remember(connection, now, parts)
            build = connection.scalar(
                text(
                    "insert into publication.build (inputs, publication_id, changed) values (:i, :p, :c) "
                    "returning build_id"
                ),
                {"i": now, "p": published.publication_id, "c": published.changed},
            )
            inputs.keep(connection, build, now)
        lineage.record_revisions(self.engine)
        return self.rows(
            "select series_code, place_id, change, reason, value_before, value_after from quality.revision "
            f"where publication_id = {published.publication_id:d} order by 1, 2, 3"
        )


@pytest.fixture
def office(database):
    office = Office(database)
    office.publish()
    return office


def test_the_first_publication_shows_every_figure_as_new(office):
    found = office.rows(
        "select series_code, place_id, change, reason, value_after from quality.revision order by 1, 2"
    )
    assert found == [
        ("S1", "P1", "added", "new mart", 10),
        ("S1", "P2", "added", "new mart", 20),
        ("S2", "P1", "added", "new mart", 30),
        ("S3", "P1", "added", "new mart", 40),
    ]
    assert office.rows("select series_code, cells from quality.revision_summary order by 1") == [
        ("S1", 2),
        ("S2", 1),
        ("S3", 1),
    ]


CHANGE_ALL = "update candidate.observation set value = value + 1"


@pytest.mark.parametrize(
    ("kind", "name", "detail", "statement", "expected"),
    [
        (
            "delivery",
            "census",
            {"delivery_id": 3, "file": "census2.csv"},
            "update candidate.observation set value = 11 where series_code = 'S1' and place_id = 'P1'",
            [("S1", "P1", "changed", "corrected delivery", 10, 11)],
        ),
        (
            "place_decision",
            "census",
            None,
            "update candidate.observation set value = 21 where place_id = 'P2'",
            [("S1", "P2", "changed", "place decision", 20, 21)],
        ),
        (
            "place_registry",
            "places/place.csv",
            None,
            "delete from candidate.observation where place_id = 'P2'",
            [("S1", "P2", "removed", "places", 20, None)],
        ),
        (
            "place_reference",
            "census",
            None,
            "delete from candidate.observation where place_id = 'P2'",
            [("S1", "P2", "removed", "places", 20, None)],
        ),
        (
            "crosswalk",
            "places/crosswalk.csv",
            None,
            "update candidate.observation set value = 21 where place_id = 'P2'",
            [("S1", "P2", "changed", "crosswalk", 20, 21)],
        ),
        (
            "metadata",
            "reference/series.csv",
            {"rows": {"S1": "1", "S2": "changed", "S3": "3"}},
            "update candidate.observation set value = 31 where series_code = 'S2'",
            [("S2", "P1", "changed", "metadata", 30, 31)],
        ),
        (
            "contract",
            "health",
            None,
            "update candidate.observation set value = 41 where series_code = 'S3'",
            [("S3", "P1", "changed", "metadata", 40, 41)],
        ),
        (
            "code",
            "dbt_project",
            {"version": "4781e0e9e787"},
            "update candidate.observation set value = 31 where series_code = 'S2'",
            [("S2", "P1", "changed", "code", 30, 31)],
        ),
    ],
)
def test_the_input_that_changed_is_the_reason(office, kind, name, detail, statement, expected):
    office.change(kind, name, "changed", detail)
    office.run(statement)
    assert office.publish() == expected
    ((why,),) = office.rows("select why from quality.revision where publication_id = 2")
    for word in (detail or {}).get("file"), (detail or {}).get("version"):
        assert word is None or word in why


def test_of_two_inputs_each_figure_has_its_own(office):
    office.change("delivery", "health", "changed", {"delivery_id": 4, "file": "health2.csv"})
    office.change("crosswalk", "places/crosswalk.csv", "changed")
    office.change("code", "dbt_project", "changed", {"version": "4781e0e9e787"})
    office.run(CHANGE_ALL)
    assert [(series, place, reason) for series, place, _, reason, *_ in office.publish()] == [
        ("S1", "P1", "code"),
        ("S1", "P2", "crosswalk"),
        ("S2", "P1", "code"),
        ("S3", "P1", "corrected delivery"),
    ]
    found = office.rows(
        "select reasons from quality.revision where publication_id = 2 and series_code = 'S3'"
    )
    assert found == [(["code", "corrected delivery"],)]


def test_a_period_that_the_former_delivery_did_not_have_is_new(office):
    """The former delivery's periods are read from its own rows."""
    office.run(
        "create table raw.census (year text, _delivery_id bigint, _row_number bigint)",
        "insert into raw.census values ('2011', 1, 2), ('2011', 3, 2), ('2012', 3, 3)",
        "insert into landing.delivery (source_id, sha256, size_bytes, file_name, archive_key, fetched_from, "
        "fetched_by, status, judged_at) select 'census', s, 1, 'f', '', '', '', 'accepted', now() "
        "from unnest(array['aaaa', 'gap', 'bbbb']) s",
        "insert into landing.period values ('census', '2011', 'year', '2011', '2011-01-01', '2011-12-31', "
        "'2011'), ('census', '2012', 'year', '2012', '2012-01-01', '2012-12-31', '2012')",
        "create schema if not exists staging",
        "create view staging.stg_census as select year as period from raw.census r "
        "join landing.current_delivery d on d.delivery_id = r._delivery_id",
        "insert into candidate.observation "
        "select md5('new')::uuid, 'S1', 'P1', '2012', 'census', 'observed', 12",
        "update candidate.observation set value = 11 where series_code = 'S1' and place_id = 'P1' "
        "and period = '2011'",
    )
    office.change("delivery", "census", "bbbb", {"delivery_id": 3, "file": "census2.csv"})
    assert office.publish() == [
        ("S1", "P1", "added", "new delivery", None, 12),
        ("S1", "P1", "changed", "corrected delivery", 10, 11),
    ]


def test_a_new_source_and_one_that_is_gone(office):
    office.parts["delivery", "voters"] = Part(
        "delivery", "voters", "vvvv", {"delivery_id": 9, "file": "v.csv"}
    )
    del office.parts["delivery", "health"]
    office.run(
        "delete from candidate.observation where source_id = 'health'",
        "insert into candidate.observation "
        "select md5('new')::uuid, 'S4', 'P1', '2011', 'voters', 'observed', 5",
    )
    assert office.publish() == [
        ("S3", "P1", "removed", "withdrawn delivery", 40, None),
        ("S4", "P1", "added", "new delivery", None, 5),
    ]


def test_a_mart_of_several_sources_changes_for_any_source_of_its_series(office):
    office.run(
        "create table candidate.sdg_progress as "
        "select series_code, place_id, value from candidate.observation",
        "alter table candidate.sdg_progress add primary key (series_code, place_id)",
        "insert into landing.source (source_id, contract, contract_sha256) values ('health', '{}', '')",
        "insert into landing.series_mapping (source_id, series_code, role, measure) "
        "values ('health', 'S3', 'value', 'total')",
    )
    office.publish()
    office.change("delivery", "health", "changed", {"delivery_id": 4, "file": "health2.csv"})
    office.change("code", "dbt_project", "changed", {"version": "1"})
    office.run("update candidate.sdg_progress set value = value + 1 where series_code in ('S1', 'S3')")
    assert [(series, reason) for series, _, _, reason, *_ in office.publish()] == [
        ("S1", "code"),
        ("S1", "code"),
        ("S3", "corrected delivery"),
    ]


def test_a_change_that_no_recorded_input_explains_says_so(office):
    office.run("update candidate.observation set value = 11 where series_code = 'S1' and place_id = 'P1'")
    assert office.publish() == [("S1", "P1", "changed", "not recorded", 10, 11)]


def test_the_summary_counts_and_names_the_largest_change(office):
    office.change("delivery", "census", "changed", {"delivery_id": 3, "file": "census2.csv"})
    office.run(
        "update candidate.observation set value = case place_id when 'P1' then 11 else 15 end "
        "where series_code = 'S1'"
    )
    office.publish()
    assert office.rows(
        "select series_code, source_id, change, reason, cells, largest_difference, largest_share, "
        "example_place_id from quality.revision_summary where publication_id = 2"
    ) == [("S1", "census", "changed", "corrected delivery", 2, -5, -0.25, "P2")]


def test_before_and_after_hold_what_differs_and_the_key_names_the_figure(office):
    office.change("code", "dbt_project", "changed", {"version": "1"})
    office.run("update candidate.observation set value = 11 where series_code = 'S1' and place_id = 'P1'")
    office.publish()
    ((key, before, after),) = office.rows(
        "select key, before, after from quality.revision where publication_id = 2"
    )
    assert (before, after) == ({"value": 10}, {"value": 11})
    assert json.dumps(key["observation_key"]) in json.dumps(
        office.rows("select observation_key::text from candidate.observation")
    )


def test_what_was_not_recorded_is_by_the_next_call(office):
    office.run(CHANGE_ALL)
    publish(office.engine, run_id="killed after this", code_version="abc")
    assert office.rows("select count(*) from quality.revision where publication_id = 2") == [(0,)]
    assert lineage.record_revisions(office.engine) == [2]
    assert office.rows("select count(*) from quality.revision where publication_id = 2") == [(4,)]
    assert lineage.record_revisions(office.engine) == []


def test_the_monitor_reads_revisions(office):
    office.run(CHANGE_ALL)
    office.publish()
    with office.database.engine_for("monitor").connect() as connection:
        counted = connection.execute(
            text("select publication_id, count(*) from quality.revision group by 1 order by 1")
        )
        assert [tuple(row) for row in counted] == [(1, 4), (2, 4)]


def test_a_column_that_changes_its_type_is_still_published(office):
    """Nothing of the revisions stands on the published tables."""
    office.run("alter table candidate.observation alter column place_id type varchar(40)", CHANGE_ALL)
    assert len(office.publish()) == 4
