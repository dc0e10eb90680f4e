"""Releases as they stand in the folder and before the portal role."""

import json
import resource
import signal
import sys

import pandas as pd
import pytest

from statloom import release
from statloom.errors import GateError, StatloomError
from statloom.exports import checksums
from statloom.publication import publish
from statloom.quality import gates
from tests.publication import killing
from tests.publication.marts import build, query, run
from tests.release.country import contract, declare, publish_country

pytestmark = pytest.mark.database
LISTED = ["index.html", "index.ne.html", "latest", "releases.json"]


def make(database, **options):
    """Publish the country and release it."""
    publish_country(database.engine, **options)
    return again(database)


def again(database):
    """Release what is published."""
    release.prepare(database.engine, run_id="test")
    return release.write(database.engine, run_id="test")


def contents(folder) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def standing(open_data) -> list[str]:
    return sorted(p.name for p in open_data.iterdir())


def test_release_is_whole_and_shown(database):
    made = make(database)
    assert (made.release_id, made.changed) == (1, True)
    assert set(contents(made.folder)) >= {
        "README.md", "SHA256SUMS", "catalogue.json", "data/NP_POP.csv", "data/NP_POP.parquet",
        "data/NP_TOILET.csv", "data/NP_TOILET.parquet", "datapackage.json", "index.html", "places.csv",
        "series.csv", "open_sdg/config_data.yml",
    }  # fmt: skip
    assert checksums.problems(made.folder) == []
    assert standing(made.folder.parent) == ["1", *LISTED]
    assert (made.folder.parent / "latest").resolve() == made.folder
    portal = database.engine_for("portal")
    released = "select release_id, publication_id, status, datasets, cells from open_data.release"
    assert query(portal, released) == [(1, 1, "released", 2, 112)]
    assert query(portal, "select count(*), count(value) from open_data.observation") == [(112, 112)]
    assert query(portal, "select series_code, title, synthetic from open_data.dataset order by 1") == [
        ("NP_POP", "Population", False),
        ("NP_TOILET", "Households without a toilet", True),
    ]
    for table in ("release.cell", "release.candidate_cell", "marts.observation"):
        with pytest.raises(Exception, match="permission denied"):
            query(portal, f"select count(*) from {table}")


def test_files_say_what_the_marts_say(database):
    made = make(database)
    csv = pd.concat(pd.read_csv(p, dtype={"place_code": str}) for p in made.folder.glob("data/*.csv"))
    shown = query(
        database.engine,
        "select series_code, count(*), sum(value), sum(numerator), count(comment) from marts.observation "
        "group by 1",
    )
    for series, rows, value, numerator, comments in shown:
        of = csv[csv["series_code"] == series]
        assert len(of) == rows
        assert of["value"].sum() == pytest.approx(float(value), rel=1e-12)
        assert of["numerator"].sum() == pytest.approx(float(numerator or 0))
        assert of["comment"].notna().sum() == comments
    package = json.loads((made.folder / "datapackage.json").read_text())
    fields = {f["name"]: f for f in package["resources"][2]["schema"]["fields"]}
    assert fields["value"] == {
        "name": "value",
        "type": "number",
        "description": "The figure, in the series' unit.",
        "unit": "Persons",
    }
    places = pd.read_csv(made.folder / "places.csv", dtype=str)
    assert set(csv["place_id"]) <= set(places["place_id"])
    assert dict(zip(places["place_id"], places["parent_code"], strict=True))["NP-2017:local_unit:100"] == "1"


def test_same_publication_is_not_released_again(database):
    first = make(database)
    second = again(database)
    assert (second.release_id, second.changed, second.folder) == (1, False, first.folder)
    assert standing(first.folder.parent) == ["1", *LISTED]


def test_a_new_publication_or_rule_is_a_new_release(database):
    first = make(database)
    kept = contents(first.folder)
    second = make(database, factor=2)
    assert (second.release_id, second.changed) == (2, True)
    assert contents(first.folder) == kept
    assert (second.folder.parent / "latest").resolve() == second.folder
    portal = database.engine_for("portal")
    assert query(portal, "select distinct release_id from open_data.observation") == [(2,)]
    assert query(portal, "select count(*) from open_data.release") == [(2,)]
    declare(database.engine, "census", contract(0, licence="CC0-1.0"), {"NP_POP": "value"})
    third = again(database)
    assert (third.release_id, third.changed) == (3, True)
    assert "CC0-1.0" in (third.folder / "datapackage.json").read_text()


def test_same_publication_gives_the_same_bytes(database):
    first = make(database)
    kept = contents(first.folder)
    # As if this release had never been: the same number on the same day.
    run(database.engine, "delete from release.release")
    first.folder.rename(first.folder.parent.parent / "kept")
    second = again(database)
    assert second.release_id == 1
    assert contents(second.folder) == kept


def test_small_cells_are_left_out_and_said_so(database):
    made = make(database, minimum=12, units=40)
    portal = database.engine_for("portal")
    found = query(
        portal,
        "select comment, count(*), count(value), "
        "count(coalesce(numerator, denominator, se, cv, ci_low, ci_high, n)) from open_data.observation "
        "where obs_status = 'Q' group by 1 order by 1",
    )
    # Which cells are small themselves is not said: it would tell how small.
    [(said, left_out, *nothing)] = found
    assert (said, nothing) == ("suppressed: to protect respondents", [0, 0])
    [(few,)] = query(database.engine, "select count(*) from marts.observation where numerator < 12")
    assert few > 3
    assert left_out >= few
    csv = pd.read_csv(made.folder / "data/NP_TOILET.csv")
    assert csv["value"].isna().sum() == left_out
    assert (csv.loc[csv["numerator"].notna(), "numerator"] >= 12).all()
    released = "select cells_suppressed from open_data.release"
    assert query(portal, released) == [(left_out,)]
    said = f"{left_out} of 84 cells are left out"
    assert said in (made.folder / "datapackage.json").read_text()


def test_what_its_framework_withholds_is_left_out_and_said_so(database):
    publish_country(database.engine)
    place = "NP-2017:local_unit:101"
    run(
        database.engine,
        "update candidate.observation set se = value / 2, cv = 0.5, n = 40, deff = 1.5, obs_status = 'U', "
        "quality_band = 'poor', quality_rule = 'withhold' "
        f"where series_code = 'NP_TOILET' and place_id = '{place}'",
        "update candidate.observation set se = value / 5, cv = 0.2, n = 40, deff = 1.5, obs_status = 'U', "
        "quality_band = 'fair', quality_rule = 'warn' "
        "where series_code = 'NP_TOILET' and place_id = 'NP-2017:local_unit:102'",
    )
    publish(database.engine, run_id="test", code_version="abc")
    made = again(database)
    csv = pd.read_csv(made.folder / "data" / "NP_TOILET.csv").set_index("place_id")
    measured = ["value", "numerator", "denominator", "se", "cv", "n", "deff"]
    assert csv.loc[[place], measured].isna().all(axis=None)
    assert (csv.loc[[place], ["obs_status", "quality_band"]] == ["Q", "poor"]).all(axis=None)
    assert csv.loc[[place], "comment"].str.contains("too unreliable").all()
    shown = csv.loc[["NP-2017:local_unit:102"]]
    assert shown[measured].notna().all(axis=None)
    assert (shown["obs_status"] == "U").all() and (shown["quality_band"] == "fair").all()
    assert csv["value"].isna().sum() == len(csv.loc[[place]])
    run(
        database.engine,
        "update release.candidate_cell set suppressed = false, value = 1, obs_status = 'U' "
        "where quality_rule = 'withhold'",
    )
    judged = gates.judge("release", "release", engine=database.engine)
    assert not judged.passed and "No estimate that its framework withholds is shown" in judged.message


def test_a_cell_that_its_neighbours_give_away_is_protected(database):
    publish_country(database.engine, minimum=0)
    declare(database.engine, "census", contract(50), {"NP_POP": "value"})
    # One woman fewer than the minimum in one unit, where total and men are published.
    run(
        database.engine,
        "update candidate.observation o set value = case sex when 'F' then 49 else (select value + 49 "
        "from candidate.observation m where m.series_code = 'NP_POP' and m.sex = 'M' "
        "and m.place_id = o.place_id and m.period = o.period) end where series_code = 'NP_POP' "
        "and sex in ('F', '_T') and place_code = '105' and period = '2011'",
    )
    publish(database.engine, run_id="test", code_version="abc")
    again(database)
    left_out = "select place_code, sex, comment from open_data.observation where value is null order by 1, 2"
    cells = query(database.engine_for("portal"), left_out)
    assert ("105", "F", "suppressed: to protect respondents") in cells
    # Women and men hide each other; the units do not add up to their district.
    assert {sex for place, sex, _ in cells if place == "105"} == {"F", "M"}
    assert query(database.engine, "select sum(cells_recoverable) from release.candidate_dataset") == [(0,)]


def test_a_release_with_a_recoverable_cell_is_refused(database):
    publish_country(database.engine)
    release.prepare(database.engine, run_id="test")
    run(
        database.engine,
        "update release.candidate_dataset set cells_recoverable = 1 where series_code = 'NP_POP'",
    )
    with pytest.raises(StatloomError, match=r"can be computed from published totals .*NP_POP \(1\)"):
        release.write(database.engine, run_id="test")
    assert query(database.engine, "select count(*) from release.release") == [(0,)]


def test_what_cannot_be_released_is_refused(database):
    with pytest.raises(StatloomError, match="nothing is published yet"):
        release.prepare(database.engine, run_id="test")
    with pytest.raises(StatloomError, match="no release is prepared"):
        release.write(database.engine, run_id="test")
    publish_country(database.engine)
    run(database.engine, "delete from landing.source where source_id = 'survey'")
    with pytest.raises(StatloomError, match="figures of survey, which no contract declares"):
        release.prepare(database.engine, run_id="test")
    publish_country(database.engine)
    release.prepare(database.engine, run_id="bad run")
    run(
        database.engine,
        "insert into quality.gate_run (gate, subject, run_id, started_at, finished_at, passed, expectations, "
        "failed, warned) values ('release', 'release', 'bad run', now(), now(), false, 3, 1, 0)",
    )
    with pytest.raises(GateError, match="gate did not pass in this run"):
        release.write(database.engine, run_id="bad run")
    build(database.engine, "place", "select 'X' as place_id, 'X' as place_code, 'X' as place_name, "
          "null::text as place_name_ne, 'country' as place_level, 'NP-2017' as place_vintage, "
          "null::text as parent_id", "place_id")  # fmt: skip
    publish(database.engine, run_id="test", code_version="abc")
    with pytest.raises(StatloomError, match=r"places that marts\.place lacks: NP-2017:country:NP"):
        release.prepare(database.engine, run_id="test")


def test_an_old_folder_is_never_written_over(database):
    first = make(database)
    run(database.engine, "delete from release.release")
    second = again(database)
    assert (second.release_id, second.changed) == (2, True)
    assert standing(first.folder.parent) == ["1", "2", *LISTED]


@pytest.mark.timeout(300)
def test_a_killed_writer_leaves_nothing_half_written(database):
    first = make(database)
    open_data = first.folder.parent
    kept = contents(first.folder)
    publish_country(database.engine, factor=2)
    release.prepare(database.engine, run_id="test")
    url = database.url().render_as_string(hide_password=False)
    touching = {"open", "os.mkdir", "os.rename", "os.remove", "os.symlink", "os.chmod", "shutil.rmtree"}

    def work(engine, steps):
        def hook(event, arguments):
            if event in touching and str(open_data) in str(arguments[0]):
                steps()

        sys.addaudithook(hook)
        release.write(engine, run_id="test")

    died, newest = 0, 1
    portal = database.engine_for("portal")
    for fatal in range(3, 1000, 23):
        for engine in database._engines.values():
            engine.dispose()
        finished = killing.run(url, fatal, work)
        visible = [name for name in standing(open_data) if not name.startswith(".")]
        assert visible in (["1", *LISTED], ["1", "2", *LISTED])
        for name in visible:
            if (open_data / name).is_dir():
                assert checksums.problems(open_data / name) == []
        newest = query(portal, "select max(release_id) from open_data.release")[0][0]
        assert query(portal, "select distinct release_id from open_data.observation") == [(newest,)]
        if finished:
            break
        died += 1
    assert died >= 8
    done = release.write(database.engine, run_id="test")
    assert done.release_id == 2
    assert standing(open_data) == ["1", "2", *LISTED]
    assert (open_data / "latest").resolve() == done.folder
    assert contents(first.folder) == kept
    assert query(portal, "select release_id, status from open_data.release order by 1") == [
        (1, "released"),
        (2, "released"),
    ]


@pytest.mark.parametrize("link", [True, False], ids=["before the link", "before the row"])
def test_complete_files_of_a_dead_writer_are_finished(database, monkeypatch, link):
    publish_country(database.engine)
    release.prepare(database.engine, run_id="test")

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(
            "statloom.release.folder.point_latest" if link else "statloom.release.writer._show", die
        )
        with pytest.raises(KeyboardInterrupt):
            release.write(database.engine, run_id="test")
    portal = database.engine_for("portal")
    assert query(portal, "select count(*) from open_data.release") == [(1 if link else 0,)]
    done = release.write(database.engine, run_id="test")
    assert (done.release_id, done.changed) == (1, False)
    assert query(portal, "select count(*) from open_data.observation") == [(112,)]
    assert (done.folder.parent / "latest").resolve() == done.folder


def test_a_disk_that_fills_up_is_said_so(database):
    publish_country(database.engine)
    release.prepare(database.engine, run_id="test")
    url = database.url().render_as_string(hide_password=False)

    def work(engine, _steps):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
        with pytest.raises(StatloomError, match=r"could not be written to .*File too large.*no half release"):
            release.write(engine, run_id="test")

    database.engine.dispose()
    assert killing.run(url, 0, work)
    assert query(database.engine_for("portal"), "select count(*) from open_data.release") == [(0,)]
    done = release.write(database.engine, run_id="test")
    assert done.changed
    assert checksums.problems(done.folder) == []
    assert standing(done.folder.parent) == ["1", *LISTED]


def test_a_country_with_many_places_and_years(database):
    publish_country(database.engine, units=400, years=20)
    again(database)
    assert query(database.engine, "select cells from release.release") == [(32160,)]
