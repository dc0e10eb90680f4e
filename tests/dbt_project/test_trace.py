"""The way back from published values, on the demo's sources: every step, down to the rows of the file."""

import csv
import json
import os
import re
from decimal import Decimal

import pytest
from sqlalchemy import create_engine, text

from statloom import lineage, settings
from statloom.cli import main
from statloom.errors import StatloomError
from statloom.pipeline import inputs
from statloom.pipeline import warehouse as pipeline
from statloom.settings import PROJECT
from statloom.warehouse import server, setup

pytestmark = pytest.mark.database

TOILET = PROJECT / "demo" / "deliveries" / "census_2011" / "toilet.csv"
MARTS = ("observation", "former_observation", "indicator_series")


@pytest.fixture(scope="module")
def _published(_built, postgres_server):
    """A copy of the built warehouse in which the marts of observations are published."""
    name = f"trace_{os.getpid()}"
    former = _built.engine.url.database
    _built.engine.dispose()
    with postgres_server.administrator() as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [former]
        )
        connection.execute(f"create database {name} template {former} owner statloom_engineer")
    url = _built.engine.url.set(database=name)
    patch = pytest.MonkeyPatch()
    for variable, value in _built.environment.items():
        patch.setenv(variable, value)
    patch.setenv("STATLOOM_DATABASE_URL", url.render_as_string(hide_password=False))
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for table in connection.scalars(
                text(
                    "select relname from pg_class "
                    "where relnamespace = 'candidate'::regnamespace and relkind = 'r'"
                )
            ).all():
                if table not in MARTS:
                    connection.exec_driver_sql(f"drop table candidate.{table} cascade")
            parts = inputs.parts(engine)
            inputs.remember(connection, inputs.fingerprint(engine, parts), parts)
        pipeline.publish(inputs.fingerprint(engine, parts), run_id="built")
        yield engine
    finally:
        patch.undo()
        engine.dispose()
        with postgres_server.administrator() as connection:
            connection.execute(f"drop database if exists {name} with (force)")


@pytest.fixture
def published(_published, _built, monkeypatch):
    for variable, value in _built.environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("STATLOOM_DATABASE_URL", _published.url.render_as_string(hide_password=False))
    return _published


def rows_of_the_file(numbers):
    """The rows of the delivered file by their number, read with nothing of the project's."""
    with TOILET.open(newline="") as file:
        return {n: row for n, row in enumerate(csv.DictReader(file), start=2) if n in numbers}


def test_a_reported_figure_leads_to_its_rows(published):
    (found,) = lineage.trace(published, "NP_TOILET_NONE", "NP-2017:district:01", "2011", rows=None)
    assert found["agrees"]
    assert found["delivery"]["file_name"] == "toilet.csv"
    assert re.fullmatch("[0-9a-f]{64}", found["delivery"]["sha256"])
    (reporter,) = found["contributions"]
    assert (reporter["from_place_id"], reporter["is_same"]) == ("NP-2011:district:68", True)
    (reference,) = found["references"]
    assert (reference["place_code"], reference["method"]) == ("68", "exact_code")
    file = rows_of_the_file(found["row_numbers"])
    assert {row["geo_code"] for row in file.values()} == {"68"}
    assert {n: int(row["total"]) for n, row in file.items()} == {
        row["row_number"]: row["content"]["total"] for row in found["raw_rows"]
    }
    assert sum(int(row["total"]) for row in file.values()) == found["figure"]["denominator"]
    assert {(m["role"], m["categories"].get("toilet_type")) for m in found["mapping"]} == {
        ("numerator", "NO_TOILET"),
        ("denominator", None),
    }


def test_a_national_sum_leads_to_the_rows_of_all_villages(published):
    (found,) = lineage.trace(
        published, "NP_TOILET_NONE", "NP", "2011", source="census_2011_toilet", source_level="vdc"
    )
    assert found["agrees"]
    assert found["recomputed"]["numerator"] == 2066102
    file = rows_of_the_file(set(found["row_numbers"]))
    assert len(file) > 10_000
    assert {row["geo_level"] for row in file.values()} == {"vdc"}
    assert sum(int(r["total"]) for r in file.values() if r["toilet_type"] == "NO_TOILET") == 2066102
    assert len(found["raw_rows"]) == 20


def test_an_apportioned_figure_shows_the_weights_it_was_shared_out_by(published):
    with published.connect() as connection:
        place, value = connection.execute(
            text(
                "select place_id, value from marts.indicator_series where series_code = 'NP_TOILET_NONE' "
                "and place_level = 'local_unit' and geo_method = 'apportioned' order by place_id limit 1"
            )
        ).one()
        sources = set(
            connection.scalars(
                text("select from_place_id from places.crosswalk where to_place_id = :p"), {"p": place}
            )
        )
    (found,) = lineage.trace(published, "NP_TOILET_NONE", place, "2011")
    assert found["agrees"]
    assert any(0 < part["weight"] < 1 for part in found["contributions"])
    for part in found["contributions"]:
        assert part["to_place_id"] == place
        assert part["from_place_id"] in sources
    top = sum((p["numerator"] * p["weight"] for p in found["contributions"]), Decimal(0))
    bottom = sum((p["denominator"] * p["weight"] for p in found["contributions"]), Decimal(0))
    assert round(100 * top / bottom, 6) == value


def test_an_indicator_a_breakdown_and_a_former_place_are_found(published):
    found = lineage.trace(published, "6.2.1", "NP-2017:district:01", "2011")
    assert "NP_TOILET_NONE" in {one["figure"]["series_code"] for one in found}
    (female,) = lineage.trace(published, "NP_POP", "NP-2017:district:01", "2021", breakdown={"SEX": "F"})
    assert female["figure"]["sex"] == "F"
    assert female["agrees"]
    (village,) = lineage.trace(
        published,
        "NP_POP",
        female["figure"]["place_id"].replace("NP-2017:district:01", "NP-2011:district:68"),
        "2021",
        source="census_2021_population",
        source_level="local_unit",
    )
    assert village["mart"] == "former_observation"
    assert village["agrees"]


def test_a_figure_of_another_delivery_than_the_one_in_use(published):
    """The delivery that the publication was built from is shown, also when a later one is in use."""
    with published.connect() as connection, connection.begin() as transaction:
        connection.execute(
            text(
                "insert into landing.delivery (source_id, sha256, size_bytes, file_name, archive_key, "
                "fetched_from, fetched_by, status, judged_at) values ('census_2011_toilet', 'later', 1, "
                "'later.csv', '', '', '', 'accepted', now() + interval '1 day')"
            )
        )
        transaction.commit()
    try:
        (found,) = lineage.trace(published, "NP_TOILET_NONE", "NP-2017:district:01", "2011")
        assert found["delivery"]["file_name"] == "toilet.csv"
        assert found["agrees"]
    finally:
        with published.begin() as connection:
            connection.execute(text("delete from landing.delivery where sha256 = 'later'"))


def test_what_does_not_lead_to_the_published_value_is_said(published):
    with published.begin() as connection:
        connection.execute(
            text(
                "update raw.census_2011_toilet set total = total + 1 where geo_level = 'district' "
                "and geo_code = '68' and toilet_type = 'NO_TOILET'"
            )
        )
    try:
        (found,) = lineage.trace(published, "NP_TOILET_NONE", "NP-2017:district:01", "2011")
        assert found["agrees"] is False
        assert any("Made anew from these rows the value is" in note for note in found["notes"])
    finally:
        with published.begin() as connection:
            connection.execute(
                text(
                    "update raw.census_2011_toilet set total = total - 1 where geo_level = 'district' "
                    "and geo_code = '68' and toilet_type = 'NO_TOILET'"
                )
            )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("NP_NOTHING", "NP", "2011"), "no series or indicator 'NP_NOTHING'"),
        (("NP_TOILET_NONE", "Atlantis", "2011"), "no place 'Atlantis'"),
        (("NP_TOILET_NONE", "NP", "1911"), "has no figure of NP_TOILET_NONE for NP in 1911; there are: 2011"),
    ],
)
def test_what_is_not_there_is_named(published, words, message):
    with pytest.raises(StatloomError, match=re.escape(message)):
        lineage.trace(published, *words)


def test_the_command_prints_it(published, capsys, monkeypatch):
    monkeypatch.setattr(setup, "prepare", lambda _: [])
    assert server.external()
    assert settings.load().home
    assert main(["trace", "NP_TOILET_NONE", "NP-2017:district:01", "2011", "--rows", "2"]) == 0
    said = capsys.readouterr().out
    for word in ("52.433876 PERCENT", "= published", "toilet.csv", "exact_code", "sha256", "and 2 more"):
        assert word in said
    assert main(["trace", "NP_TOILET_NONE", "NP-2017:district:01", "2011", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["figure"]["value"] == 52.433876
    assert len(found["row_numbers"]) == 4
    assert main(["trace", "NP_TOILET_NONE", "Atlantis", "2011"]) == 1
    assert "no place 'Atlantis'" in capsys.readouterr().err
