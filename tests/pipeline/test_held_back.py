"""What fails a gate is held back part by part, the rest is published: through the steps of the pipeline.

One story in three builds: all is well; a rate of one source is out of its range at the raw gate, another
source's only at the marts' gate, a third source's delivery fails as a whole; all is corrected.
"""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from great_expectations.expectations.registry import get_expectation_impl
from sqlalchemy import create_engine

from statloom import contracts, landing, lineage, release, settings
from statloom.errors import GateError
from statloom.lineage import readable
from statloom.pipeline import ingest, warehouse
from statloom.quality.expectations.base import OwnExpectation
from statloom.warehouse import transform
from tests.warehouse.rows import Warehouse

pytestmark = [pytest.mark.database, pytest.mark.timeout(900)]

POVERTY, WATER, VOTERS = "poverty", "safe_water", "voters"
SOURCES = (POVERTY, WATER, VOTERS, "life_expectancy")
RATE = ("poverty", "NP_POVERTY_PUBLISHED", "2011")
NATION = "NP-2017:country:NP"
# Those of the marts that hold single figures.
SUITES = ("observation", "former_observation", "indicator_series", "data_gap", "source", "row_account")
WATER_RATE = ("safe_water", "NP_WATER_SAFE_PUBLISHED", "2011")


class Story(Warehouse):
    """The warehouse, and what is done in it."""

    def deliver(self, source: str, folder: Path, change: tuple[str, str] | None = None) -> int:
        """Deliver the demo's file of ``source`` with ``change`` made in it, and judge it; return its id."""
        contract = contracts.load(source)
        original = settings.load().project / contract.connector.url
        content = original.read_text(encoding="utf-8-sig")
        if change is not None:
            assert content.count(change[0]) == 1, change
            content = content.replace(*change)
        path = folder / original.name
        path.write_text(content, encoding="utf-8")
        here = replace(contract, connector=replace(contract.connector, url=str(path)))
        fetched = landing.fetch(here, archive=settings.load().archive, engine=self.engine, run_id=None)
        ingest.load(source, fetched.delivery_id)
        ingest.gate(source, fetched.delivery_id, run_id=None)
        return fetched.delivery_id

    def build(self, run: str, stages=("harmonised", "marts")) -> int | None:
        """Run the steps of the warehouse DAG; seeds and staging need be made once only."""
        inputs = warehouse.changed_inputs(run_id=run)
        if inputs is None:
            return None
        for stage in stages:
            warehouse.transform(stage, run_id=run)
        warehouse.gate(run_id=run)
        return warehouse.publish(inputs, run_id=run)

    def figures(self, source: str, publication: int | None = None, mart: str = "observation") -> dict:
        """Return observed totals by series and place: value, two kinds of status, last good value."""
        at = publication or self.value("select publication_id from publication.pointer")
        rows = self.rows(
            "select series_code, place_id, value::float8, obs_status, gate_status, last_good_value::float8"
            f" from published.{mart} where source_id = :source and geo_method = 'observed' and sex = '_T'"
            " and published_from <= :at and (published_to is null or published_to > :at)",
            source=source,
            at=at,
        )
        return {row[:2]: row[2:] for row in rows}


def _suites(folder: Path) -> Path:
    """Return a folder with the project's suites, to which a few sources are enough."""
    real = settings.load().expectations
    shutil.copytree(real / "raw", folder / "raw")
    (folder / "marts").mkdir()
    for name in SUITES:
        suite = yaml.safe_load((real / "marts" / f"{name}.yml").read_text())
        for expectation in suite["expectations"]:
            if issubclass(get_expectation_impl(expectation["type"]), OwnExpectation):
                expectation.setdefault("kwargs", {})["may_be_empty"] = True
        (folder / "marts" / f"{name}.yml").write_text(yaml.safe_dump(suite))
    return folder


@pytest.fixture(scope="module")
def story(postgres_server):
    """A warehouse of a few small sources, after two builds."""
    name = f"held_back_{os.getpid()}"
    folder = Path(tempfile.mkdtemp(prefix="statloom-held-back-"))
    with postgres_server.administrator() as connection:
        connection.execute(
            f"create database {name} template statloom_template owner statloom_engineer strategy file_copy"
        )
    url = postgres_server.url("statloom_engineer", name).render_as_string(hide_password=False)
    environment = {"STATLOOM_DATABASE_URL": url, "STATLOOM_HOME": str(folder / "home")}
    engine = create_engine(url)
    told = Story(engine, environment)
    patch = pytest.MonkeyPatch()
    try:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        suites = _suites(folder / "expectations")
        patch.setattr(settings.Settings, "expectations", property(lambda here: suites))
        contracts.register(engine)
        for source in SOURCES:
            told.deliver(source, folder)
        assert told.build("well", transform.STAGES) == 1

        told.deliver(POVERTY, folder, ("20037257;23,48", "20037257;123,48"))
        with pytest.raises(GateError, match=r"voters\.csv"):
            told.deliver(VOTERS, folder, ("country,NP,male,7069714", "country,NP,male,7069715"))
        # The raw gate has seen the right rate: only the gate of the marts can see this one.
        told.run("update raw.safe_water set total = 183.42 where district_code = 'NP' and access = 'RATE'")
        assert told.build("at fault") == 2
        yield told
    finally:
        patch.undo()
        engine.dispose()
        with postgres_server.administrator() as connection:
            connection.execute(f"drop database if exists {name} with (force)")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def there(story, monkeypatch):
    for name, value in story.environment.items():
        monkeypatch.setenv(name, value)


def test_the_part_at_fault_has_no_value_and_the_rest_of_its_delivery_has(story):
    before, now = story.figures(POVERTY, 1), story.figures(POVERTY)
    assert before.keys() == now.keys()
    rates = {key for key in now if key[0] == RATE[1]}
    assert len(rates) > 70
    for key in now:
        if key in rates:
            assert now[key] == (None, "O", "held back", before[key][0]), key
        else:
            assert now[key] == before[key], key


def test_nothing_is_made_of_what_is_held_back(story):
    shown = story.rows(
        "select mart, count(*) from (select 'observation' as mart, * from marts.observation union all"
        " select 'former', * from marts.former_observation union all"
        " select 'series', * from marts.indicator_series) as figures"
        " where (source_id, series_code) in (values ('poverty', 'NP_POVERTY_PUBLISHED'),"
        " ('safe_water', 'NP_WATER_SAFE_PUBLISHED')) and (value, numerator, denominator, se) is not null"
        " group by 1"
    )
    assert shown == []
    profile = story.rows(
        "select value, obs_status, gate_status, gate_reason, last_good_value::float8, last_good_period,"
        " last_good_publication from marts.place_profile"
        " where place_level = 'country' and series_code = 'NP_POVERTY_PUBLISHED'"
    )
    assert profile == [(None, "O", "held back", profile[0][3], 23.48, "2011", 1)]
    assert "A rate is between 0 and 100 per cent: 1 of 76 rows unexpected" in profile[0][3]
    assert (
        story.value(
            "select distinct assessment from marts.sdg_progress where series_code = 'NP_POVERTY_PUBLISHED'"
        )
        == "held back"
    )
    gap = "select places, places_held_back, is_gap from marts.data_gap where series_code = :s"
    assert story.rows(f"{gap} and place_level = 'country' and breakdown = '_T'", s=RATE[1]) == [(0, 1, True)]


def test_the_gate_of_the_marts_holds_back_its_part_and_lets_the_rest_go(story):
    now = story.figures(WATER)
    assert now[WATER_RATE[1], NATION] == (None, "O", "held back", 83.42)
    assert now["NP_WATER_SAFE", NATION][1:] == ("A", None, None)
    [part] = story.rows(
        "select gates, owner, rows, last_good_publication, last_good_figures > 70 from quality.held_back_now"
        " where (source_id, series_code, period) = (:s, :c, :p)",
        **dict(zip("scp", WATER_RATE, strict=True)),
    )
    assert part[:2] == ("marts", contracts.load(WATER).owner)
    assert part[2] >= 1
    assert part[3:] == (1, True)
    judged = story.rows(
        "select passed, parts_held_back from quality.gate_run where gate = 'marts' and run_id = 'at fault'"
        " order by gate_run_id"
    )
    assert judged == [(False, 1), (True, 0)]


def test_a_whole_delivery_that_is_held_back_leaves_the_one_before_and_says_so(story):
    before, now = story.figures(VOTERS, 1), story.figures(VOTERS)
    assert {key: figure[0] for key, figure in now.items()} == {key: f[0] for key, f in before.items()}
    assert {figure[2] for figure in now.values()} == {"newer delivery held back"}
    [source] = story.rows(
        "select gate_status, gate_reason, gate_since is not null, refused_sha256 <> delivery_sha256"
        " from marts.source where source_id = 'voters'"
    )
    assert source[0] == "newer delivery held back"
    assert "Districts add up to the nation, by sex" in source[1]
    assert source[2:] == (True, True)
    status = dict(story.rows("select source_id, gate_status from marts.source where gate_since is not null"))
    assert status == {POVERTY: "held back in part", WATER: "held back in part", VOTERS: source[0]}


def test_as_of_shows_what_was_published_then(story):
    with story.engine.begin() as connection:
        connection.exec_driver_sql("set local statloom.publication = '1'")
        [found] = connection.exec_driver_sql(
            "select value::float8, gate_status from marts.observation where source_id = 'poverty'"
            " and series_code = 'NP_POVERTY_PUBLISHED' and place_code = 'NP'"
        ).all()
    assert tuple(found) == (23.48, None)


def test_every_row_is_accounted_for(story):
    for source, rows_in, published, quarantined in story.rows(
        "select source_id, rows_in, rows_published, rows_quarantined from quality.row_account"
    ):
        assert rows_in == published + quarantined, source
    held = story.rows("select source_id, rows from quality.quarantine where stage = 'gate' order by 1")
    assert held == [(POVERTY, 76), (WATER, 76)]


def test_the_revision_says_that_they_were_held_back(story):
    found = story.rows(
        "select distinct source_id, series_code, reason, why from quality.revision where publication_id = 2"
        " and mart = 'observation' and source_id <> 'voters' order by 1"
    )
    assert [row[:3] for row in found] == [
        (POVERTY, RATE[1], "held back"),
        (WATER, WATER_RATE[1], "held back"),
    ]
    assert "A rate is between 0 and 100" in found[0][3]


def test_a_trace_says_why_and_leads_back_from_the_last_good_value(story):
    [trace] = lineage.trace(story.engine, RATE[1], "NP", "2011")
    assert trace["figure"]["value"] is None
    assert trace["held_back"][0]["expectation"] == "A rate is between 0 and 100 per cent"
    assert trace["row_numbers"] == []
    assert float(trace["last_good"]["figure"]["value"]) == 23.48
    assert trace["last_good"]["publication"]["publication_id"] == 1
    assert len(trace["last_good"]["row_numbers"]) == 1
    said = readable.text(trace)
    assert "held back   by the raw gate since" in said
    assert "last good value of this figure, publication 1:" in said
    assert "23.48 PERCENT" in said


def test_no_value_of_it_is_released(story):
    release.prepare(story.engine, run_id=None)
    found = story.rows(
        "select obs_status, count(value), count(numerator), count(amount), bool_or(suppressed), min(comment)"
        " from release.candidate_cell where (source_id, series_code) = (:source, :series) group by 1",
        source=RATE[0],
        series=RATE[1],
    )
    assert [row[:5] for row in found] == [("O", 0, 0, 0, False)]
    assert found[0][5].startswith("held back by a gate")
    assert story.value("select count(*) from release.candidate_cell where value is not null") > 300


def test_it_ends_with_corrected_deliveries(story, tmp_path):
    before = story.figures(WATER, 1)
    assert story.build("nothing new") is None
    for source in (POVERTY, VOTERS):
        story.deliver(source, tmp_path)
    story.deliver(WATER, tmp_path, ("114396;12008;90,50", "114396;12008;90,51"))
    assert story.build("corrected") == 3
    assert story.figures(POVERTY) == story.figures(POVERTY, 1)
    assert story.figures(VOTERS) == story.figures(VOTERS, 1)
    now = story.figures(WATER)
    assert now[WATER_RATE[1], NATION] == before[WATER_RATE[1], NATION]
    assert story.rows("select * from quality.held_back_now") == []
    assert story.value("select count(*) from publication.last_good_value") == 0
    lifted = dict(story.rows("select source_id, max(lifted_by) from quality.held_back group by 1"))
    assert lifted[WATER] == "it passed the gate of the marts"
    assert "poverty.csv" in lifted[POVERTY]
    assert set(
        story.rows("select gate_status, gate_since from marts.source where series_codes is not null")
    ) >= {("accepted", None)}
    reasons = story.rows(
        "select distinct reason from quality.revision where publication_id = 3 and mart = 'observation'"
        " and series_code = 'NP_POVERTY_PUBLISHED'"
    )
    assert reasons in ([("corrected delivery",)], [("no longer held back",)])
