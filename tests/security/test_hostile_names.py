"""Names made to break out of SQL, from the file to the gate: refused with a reason, or carried as is."""

import csv
import io

import pytest
import yaml
from sqlalchemy import text

from statloom import contracts, landing, settings
from statloom.contracts.loading import load_file
from statloom.errors import ContractError
from statloom.quality import gates
from statloom.settings import PROJECT, Settings

pytestmark = pytest.mark.database

HOSTILE = [
    "'; drop table raw.planted; --",
    'a"b; drop table landing.delivery',
    "100 %",
    "%s %(x)s %%",
    ":name :1 ::text",
    "back\\slash \\' \\N \\.",
    "{{ 7 * 7 }} {% raw %}",
    "$1 $$ $body$",
    "{batch} {0}",
    "E'\\x41' U&'\\0041'",
    "नेपाल ’ “ ” ＇",
    "null",
    "NULL",
    "true",
    "-- comment",
    "/* comment",
    "=1+1",
]
NAMES = [
    'a"b; drop table',
    "a'b",
    "a b",
    "a%b",
    "a:b",
    "a\\b",
    "Total",
    "1a",
    "_hidden",
    "total\n",
    "a" * 60,
    "नाम",
    "",
]


def declared(**changes) -> dict:
    """A contract, as plain data, of a source whose categories are all hostile."""
    return {
        "source": "planted",
        "title": {"en": "Planted: '; drop table x; -- %s :a {{ b }}"},
        "custodian": 'Office of O\'Brien "quoted" 100 %',
        "owner": "a@b.example",
        "kind": "census",
        "licence": "MIT",
        "provenance": "made for a test; it's \\ 100 %",
        "sensitivity": "low",
        "schedule": "@daily",
        "maximum_age_days": 400,
        "connector": {"type": "file", "url": "planted.csv"},
        "format": {"type": "csv", "rename": {"na\"me'; drop table x; --": "name", "tot%al :x": "total"}},
        "columns": {
            "level": {"type": "text", "role": "place_level", "values": {"dis'tr\"ict % :x \\": "district"}},
            "code": {"type": "text", "role": "place_code"},
            "name": {"type": "text", "role": "place_name"},
            "kind": {"type": "text", "role": "dimension", "categories": HOSTILE},
            "total": {"type": "integer", "role": "measure", "unit": "persons", "minimum": 0},
        },
        "key": ["level", "code", "kind"],
        "place": {"scheme": "NP-CENSUS-2011", "date": "2011-06-22"},
        "period": {"type": "year", "value": "2011"},
        "series": [
            {
                "series": "NP_PLANTED",
                "value": {"measure": "total", "where": {"kind": [HOSTILE[0], HOSTILE[3]]}},
            },
            {"series": "NP_PLANTED_SEX", "value": {"measure": "total"}},
        ],
    } | changes


@pytest.fixture
def office(database, tmp_path, monkeypatch):
    """A project of its own with the source's contract and file; the real places."""
    sources = tmp_path / "project" / "dags" / "sources"
    sources.mkdir(parents=True)
    (tmp_path / "project" / "dbt_project").symlink_to(PROJECT / "dbt_project")
    (sources / "planted.yml").write_text(yaml.safe_dump(declared(), allow_unicode=True, sort_keys=False))
    content = io.StringIO()
    rows = csv.writer(content)
    rows.writerow(["level", "code", "na\"me'; drop table x; --", "kind", "tot%al :x"])
    for number, kind in enumerate(HOSTILE):
        rows.writerow(["dis'tr\"ict % :x \\", f"{number + 1:02}", f"Place {kind}", kind, number])
    (tmp_path / "project" / "planted.csv").write_text(content.getvalue())
    here = Settings(project=tmp_path / "project", home=database.home)
    monkeypatch.setattr(settings, "load", lambda: here)
    return database.engine


def test_hostile_texts_are_carried_as_they_are(office, tmp_path):
    contract = contracts.load("planted")
    contracts.register(office)
    archive = str(tmp_path / "archive")
    fetched = landing.fetch(contract, archive=archive, engine=office, run_id="run'; --")
    loaded = landing.load(contract, fetched.delivery_id, engine=office, archive=archive)
    assert (loaded.rows_loaded, loaded.rows_quarantined) == (len(HOSTILE), 0)
    result = gates.judge("raw", "planted", engine=office, delivery_id=fetched.delivery_id, run_id="r'; --")
    # No list of places has such names, and nothing else is wrong.
    assert result.failed == 1, result.message
    assert "name places of scheme NP-CENSUS-2011" in result.message
    with office.connect() as connection:
        found = connection.execute(text("select kind, name, total from raw.planted order by total")).all()
        places = connection.scalars(text("select place_name from places.place_reference")).all()
        assert connection.scalar(text("select count(*) from landing.delivery")) == 1
    assert [tuple(row) for row in found] == [(kind, f"Place {kind}", n) for n, kind in enumerate(HOSTILE)]
    assert set(places) == {f"Place {kind}" for kind in HOSTILE}


def test_a_hostile_text_that_is_no_category_is_shown_and_held_back(office, tmp_path):
    file = tmp_path / "project" / "planted.csv"
    file.write_text(file.read_text().replace("100 %,2", "101 %'; drop table raw.planted; --,2"))
    contract = contracts.load("planted")
    contracts.register(office)
    archive = str(tmp_path / "archive")
    fetched = landing.fetch(contract, archive=archive, engine=office, run_id=None)
    try:
        landing.load(contract, fetched.delivery_id, engine=office, archive=archive)
        message = gates.judge(
            "raw", "planted", engine=office, delivery_id=fetched.delivery_id, run_id=None
        ).message
    except Exception as error:
        message = str(error)
    assert "101 %'; drop table raw.planted; --" in message or "kind" in message
    with office.connect() as connection:
        assert connection.scalar(text("select to_regclass('raw.planted') is not null"))


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_of_columns_are_refused(office, tmp_path, name):
    columns = declared()["columns"]
    columns[name] = {"type": "integer", "role": "measure", "unit": "persons"}
    path = tmp_path / "planted.yml"
    path.write_text(yaml.safe_dump(declared(columns=columns), allow_unicode=True, sort_keys=False))
    with pytest.raises(ContractError, match=r"planted\.yml, line"):
        load_file(path)


@pytest.mark.parametrize("source", ["planted; drop", 'pla"nted', "../planted", "planted\n", "Planted", "p'"])
def test_hostile_names_of_sources_are_refused(office, tmp_path, source):
    path = tmp_path / "planted.yml"
    path.write_text(yaml.safe_dump(declared(source=source), sort_keys=False))
    with pytest.raises(ContractError, match=r"planted\.yml, line"):
        load_file(path)
