"""The main job, run for real. Again, and with a broken delivery: tests/under_fire/in_airflow.py."""

import csv
import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.end_to_end import tables

pytestmark = [pytest.mark.end_to_end, pytest.mark.airflow, pytest.mark.timeout(900)]

TODAY = "place_vintage = 'NP-2017'"


def test_the_first_run_succeeds(first_run):
    assert first_run.returncode == 0, first_run.stdout[-6000:] + first_run.stderr[-3000:]
    assert re.search(r"publication +1\b", first_run.stdout)
    assert re.search(r"release +1\b", first_run.stdout)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("place_level = 'country' and source_level = 'country'", "2069812"),
        ("place_level = 'district' and source_level = 'district' and geo_method = 'observed'", "2069812"),
        (f"place_level = 'local_unit' and {TODAY}", "2066102"),
        ("place_level = 'country' and source_level = 'vdc'", "2066102"),
        ("place_level = 'province' and source_level = 'vdc'", "2066102"),
    ],
)
def test_households_without_a_toilet_add_up_as_the_census_has_them(first_run, installation, where, expected):
    found = installation.query(
        "select round(sum(numerator), 6)::float8 from marts.observation"
        f" where source_id = 'census_2011_toilet' and series_code = 'NP_TOILET_NONE' and {where}"
    )
    assert found == [expected]


def test_every_place_of_today_has_a_figure(first_run, installation):
    found = installation.query(
        "select place_level, count(distinct place_code) from marts.indicator_series"
        " where series_code = 'NP_TOILET_NONE' group by 1 order by 1"
    )
    assert found == ["country|1", "district|77", "local_unit|753", "province|7"]


# What the tasks `fetch` of all sources and `changes` do. The whole command a second time: in_airflow.py.
_LOOK_AGAIN = """
import json
from statloom import contracts, settings
from statloom.pipeline import ingest, warehouse
from statloom.services import stack
from statloom.warehouse import server

here = settings.load()
with server.running(here):
    bodies = stack.bodies(here)
    try:
        new = {source: ingest.fetch(source, run_id="again") for source in contracts.contract_files()}
        print(json.dumps([new, warehouse.changed_inputs(run_id="again")]))
    finally:
        bodies.stop()
"""


def test_a_second_look_at_every_source_finds_nothing_new(first_run, installation):
    again = subprocess.run(
        [sys.executable, "-c", _LOOK_AGAIN],
        cwd=installation.project,
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert again.returncode == 0, again.stderr[-3000:]
    new, inputs = json.loads(again.stdout.splitlines()[-1])
    assert len(new) > 30 and set(new.values()) == {None}
    assert inputs is None
    fetched = installation.query(
        "select outcome, count(*) from landing.fetch where run_id = 'again' group by 1", role="engineer"
    )
    assert fetched == [f"unchanged|{len(new)}"]


def test_open_data_is_valid_for_other_tools(first_run, installation):
    from frictionless import Package

    release = installation.home / "open_data" / "latest"
    described = json.loads((release / "datapackage.json").read_text())
    for resource in described["resources"]:
        # For each of the files that refer to them it would read all places anew.
        resource.get("schema", {}).pop("foreignKeys", None)
    # Every file; of the long ones the first rows. tests/release reads a whole release of a small country.
    report = Package.from_descriptor(described, basepath=str(release)).validate(limit_rows=100)
    assert report.valid, report.flatten(["rowNumber", "fieldName", "note"])[:5]
    assert tables.faults(release) == []


def test_a_wrong_row_anywhere_in_the_open_data_is_found(first_run, installation, tmp_path):
    release = installation.home / "open_data" / "latest"
    for name in ("datapackage.json", "places.csv", "series.csv"):
        shutil.copy(release / name, tmp_path)
    described = json.loads((tmp_path / "datapackage.json").read_text())
    wanted = ("places", "series", "np_toilet_none")
    described["resources"] = [r for r in described["resources"] if r["name"] in wanted]
    (tmp_path / "datapackage.json").write_text(json.dumps(described))
    (tmp_path / "data").mkdir()
    good = (release / "data" / "NP_TOILET_NONE.csv").read_text()
    row = dict(
        zip(
            *(next(csv.reader([line])) for line in (good.splitlines()[0], good.splitlines()[-1])), strict=True
        )
    )
    for wrong, said in (
        ({}, "1 rows of no key of their own"),
        ({"observation_key": ""}, "1 empty fields observation_key"),
        ({"observation_key": "new", "place_id": "NP-2017:nowhere"}, "are not in places"),
        ({"observation_key": "new", "value": "about 5"}, "about 5"),
    ):
        with (tmp_path / "data" / "NP_TOILET_NONE.csv").open("w", newline="") as file:
            file.write(good)
            csv.writer(file, lineterminator="\n").writerow((row | wrong).values())
        assert [fault for fault in tables.faults(tmp_path) if said in fault], said


def test_the_report_says_what_was_quarantined(first_run, installation):
    report = json.loads((installation.home / "report" / "report.json").read_text())
    by_source = {source["source_id"]: source for source in report["sources"]}
    for source in by_source.values():
        assert source["rows_in"] == source["rows_published"] + source["rows_quarantined"], source["source_id"]
    assert by_source["census_2011_religion"]["rows_quarantined"] >= 22
