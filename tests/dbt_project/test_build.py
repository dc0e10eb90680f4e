"""The build itself: what is documented, what repeats, and what is said when something is wrong."""

import re

import pytest

from statloom import settings
from statloom.errors import StatloomError
from statloom.publication import shapes
from statloom.warehouse import transform

pytestmark = pytest.mark.database

MARTS = {
    "observation",
    "former_observation",
    "indicator_series",
    "place_profile",
    "sdg_progress",
    "data_gap",
    "source_comparison",
    "change",
    "place",
    "indicator",
    "source",
}


def test_every_mart_has_a_key_and_every_column_a_description(built):
    with built.engine.connect() as connection:
        found = shapes.read(connection, "candidate")
    assert set(found) == MARTS
    for name, shape in found.items():
        assert shape.key, name
        assert shape.comment, name
        assert set(shape.column_comments) == set(shape.columns), name


def test_every_row_is_published_or_in_quarantine(built):
    accounts = built.rows(
        "select source_id, rows_in, rows_published, rows_quarantined from quality.row_account"
    )
    assert len(accounts) == 11
    for source, rows_in, published, quarantined in accounts:
        assert rows_in == published + quarantined, source
        assert published > 0, source


def test_quarantined_rows_have_a_reason_and_an_example(built):
    found = {
        (source, stage): (rows, reason, example)
        for source, stage, rows, reason, example in built.rows(
            "select source_id, stage, rows, reason, example from quality.quarantine"
        )
    }
    rows, reason, example = found["census_2011_religion", "defect"]
    assert rows == 22
    assert "shifted" in reason
    assert example["content"]["religion"] == "Hindu"
    rows, reason, example = found["census_2011_disability", "crosswalk"]
    assert rows == 252  # 14 protected areas by 9 types by sex
    assert "no partner" in reason
    assert example["place_level"] == "vdc"


def test_the_models_pass_their_unit_tests(built):
    transform.run_dbt("test_type:unit", command="test")


def test_the_same_deliveries_give_the_same_marts(built):
    def fingerprints():
        return {
            mart: built.value(
                "select (count(*), sum(hashtextextended(m::text, 1)::numeric),"
                f" sum(hashtextextended(m::text, 2)::numeric))::text from candidate.{mart} m"
            )
            for mart in sorted(MARTS - {"indicator_series", "place_profile"})
        }

    before = fingerprints()
    transform.run_dbt("path:models/harmonised path:models/marts", command="run")
    assert fingerprints() == before


def test_nothing_is_written_into_the_project(built):
    project = settings.load().dbt_project
    assert not (project / "target").exists()
    assert not (project / "logs").exists()
    assert (settings.load().home / "dbt" / "target").is_dir()


FIRST_SHARE = (
    "(cell_id, track_id, place_number) = (select cell_id, track_id, place_number from harmonised.{table}"
    " where numerator is not null order by 1, 2, 3 limit 1)"
)


def shift(table: str, by: str) -> str:
    """SQL that makes the first numerator of a table of schema ``harmonised`` larger."""
    return f"update harmonised.{table} set numerator = numerator + {by} where " + FIRST_SHARE.format(
        table=table
    )


@pytest.mark.parametrize(
    ("test", "harm", "repair"),
    [
        (
            "rows_in_are_published_or_quarantined",
            "update quality.row_account set rows_in = rows_in + 1 where source_id = 'voters'",
            "update quality.row_account set rows_in = rows_in - 1 where source_id = 'voters'",
        ),
        (
            "nothing_is_lost_when_carried",
            shift("carried", "0.000000001"),
            shift("carried", "-0.000000001"),
        ),
        (
            "nothing_is_lost_when_rolled_up",
            "update harmonised.roll_up set numerator = numerator + 1 where numerator > 0",
            "update harmonised.roll_up set numerator = numerator - 1 where numerator > 0",
        ),
        (
            "weights_of_a_place_add_up_to_one",
            "update harmonised.place_link set weight = weight - 0.000000001 where from_place ="
            " (select min(from_place) from harmonised.place_link where weight < 1)",
            "update harmonised.place_link set weight = weight + 0.000000001 where from_place ="
            " (select min(from_place) from harmonised.place_link where weight < 1)",
        ),
        (
            "mapped_series_are_in_the_framework",
            "update landing.series_mapping set series_code = 'NP_UNKNOWN'"
            " where series_code = 'NP_VOTERS_FEMALE'",
            "update landing.series_mapping set series_code = 'NP_VOTERS_FEMALE'"
            " where series_code = 'NP_UNKNOWN'",
        ),
    ],
)
def test_a_fault_is_named(built, test, harm, repair):
    transform.run_dbt(test, command="test")
    built.run(harm)
    try:
        with pytest.raises(StatloomError, match=rf"test {test} in tests/{test}\.sql \(\d+ rows\)"):
            transform.run_dbt(test, command="test")
    finally:
        built.run(repair)


def test_rows_that_cannot_be_placed_or_mapped_are_counted(built):
    found = built.rows(
        "select stage, reason, rows, example ->> 'row' from quality.quarantine where source_id = 'voters'"
        " order by 1"
    )
    assert found == [
        ("map", "the cell is empty", 1, "9002"),
        ("place", "the place is not resolved", 2, "9001"),
    ]
    account = built.rows(
        "select rows_in, rows_published, rows_placed, rows_mapped from quality.row_account"
        " where source_id = 'voters'"
    )
    assert account == [(231, 228, 229, 228)]


def test_a_model_that_fails_is_named_with_its_message(built):
    built.run("alter table landing.period rename column label to labels")
    try:
        with pytest.raises(StatloomError) as caught:
            transform.run_dbt("track carried", command="run")
    finally:
        built.run("alter table landing.period rename column labels to label")
    message = str(caught.value)
    assert re.search(
        r"model track in models/harmonised/track\.sql: .*column period\.label does not exist", message
    )
    assert "1 of 2 failed" in message


def test_seeds_are_loaded_again_when_they_have_changed_and_only_then(built):
    transform.run_stage("reference")
    built.run("alter table reference.unit drop column title_ne")
    transform.run_stage("reference")
    assert "title_ne" not in columns_of(built, "reference", "unit")  # not loaded: the files are the same
    built.run("comment on schema reference is 'seeds of an earlier version'")
    transform.run_stage("reference")
    assert "title_ne" in columns_of(built, "reference", "unit")


def columns_of(built, schema: str, table: str) -> set[str]:
    with built.engine.connect() as connection:
        return set(shapes.read(connection, schema)[table].columns)


def test_an_unknown_stage_is_refused(built):
    with pytest.raises(StatloomError, match="reference, staging, harmonised, marts"):
        transform.run_stage("everything")
