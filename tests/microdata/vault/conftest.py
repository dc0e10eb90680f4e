"""Contracts on the test census, and a state folder without a database."""

import copy

import pytest
import yaml
from sqlalchemy import text

from statloom import settings
from statloom.contracts.loading import build
from statloom.contracts.validation import cross_problems, schema_problems
from statloom.settings import Settings
from tests.microdata.vault import census

CENSUS = {
    "source": "census",
    "title": {"en": "Test census"},
    "custodian": "Office",
    "owner": "a@b.example",
    "kind": "survey",
    "synthetic": True,
    "licence": "MIT",
    "provenance": "Synthetic",
    "sensitivity": "severe",
    "schedule": "@daily",
    "maximum_age_days": 400,
    "connector": {"type": "file", "url": "census.dat", "beside": ["census.dcf"]},
    "format": {"type": "cspro", "rename": {"h1_toilet": "toilet", "p2_sex": "sex", "p3_age": "age"}},
    "records": {
        "household": {"key": ["district", "hh"], "record": "HOUSE_REC"},
        "person": {"parent": "household", "key": ["p0_line"], "record": "PERSON_REC"},
    },
    "columns": {
        "district": {"role": "place_code", "level": "district", "record": "household"},
        "hh": {"type": "integer", "role": "key", "record": "household"},
        "toilet": {"role": "dimension", "record": "household"},
        "h2_area": {
            "type": "number",
            "role": "measure",
            "record": "household",
            "minimum": 1,
            "maximum": 1000,
        },
        "h3_rent": {"type": "number", "role": "measure", "record": "household", "required": False},
        "h4_rooms_1": {"type": "integer", "role": "measure", "record": "household"},
        "h4_rooms_2": {"type": "integer", "role": "measure", "record": "household"},
        "h4_rooms_3": {"type": "integer", "role": "ignored", "record": "household"},
        "h5_weight": {"type": "number", "role": "weight", "record": "household"},
        "h6_phone": {"role": "personal_identifier", "record": "household"},
        "p0_line": {"type": "integer", "role": "key", "record": "person"},
        "p1_name": {"role": "personal_identifier", "record": "person", "pseudonymise": True},
        "sex": {"role": "dimension", "record": "person", "categories": ["Male", "Female"]},
        "age": {"type": "integer", "role": "measure", "record": "person"},
        "p4_born": {"type": "date", "role": "dimension", "record": "person", "date_format": "%Y%m%d"},
        "p4_year": {"type": "integer", "role": "measure", "record": "person"},
        "p5_school": {"role": "dimension", "record": "person"},
    },
    "place": {"scheme": "NP-CENSUS-2011", "date": "2011-06-22", "code": "NP"},
    "period": {"type": "year", "value": "2021"},
    "estimation": {
        "record": "person",
        "design": {"weight": "h5_weight"},
        "domains": [[], ["district"], ["sex"]],
        "estimands": [
            {"measure": "mean_age", "type": "mean", "column": "age"},
            {
                "measure": "no_toilet",
                "type": "proportion",
                "record": "household",
                "column": "toilet",
                "category": "No toilet",
            },
        ],
    },
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A state folder of the test's own; no database."""
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def census_contract(**changes):
    """Return a valid contract on the test census; ``changes`` replace whole keys, or parts of ``columns``."""
    data = copy.deepcopy(CENSUS)
    for name, column in changes.pop("columns", {}).items():
        data["columns"][name] = data["columns"].get(name, {}) | column
    return made(data | changes)


def made(data: dict):
    """Return the contract that ``data`` declare, which must be valid."""
    problems = schema_problems(data) or cross_problems(data, data["source"])
    assert problems == []
    return build(data, sha256=str(hash(repr(data))))


class Office:
    """An office that takes in the test census, through the steps that its DAG calls.

    ``project``: its folder with contract and delivery; ``home``: its state folder.
    """

    def __init__(self, database, project):
        self.database, self.engine, self.project, self.home = (
            database,
            database.engine,
            project,
            database.home,
        )
        self.source = CENSUS["source"]

    def declare(self, **changes) -> None:
        """Write the contract; ``changes`` as of `census_contract`."""
        data = copy.deepcopy(CENSUS)
        for name, column in changes.pop("columns", {}).items():
            data["columns"][name] = data["columns"].get(name, {}) | column
        (self.project / "dags" / "sources" / "census.yml").write_text(yaml.safe_dump(data | changes))

    def take_in(self, content) -> None:
        """Fetch, load and judge a census of these lines."""
        from statloom.pipeline import ingest

        census.write(self.project, content)
        delivery_id = ingest.fetch(self.source, run_id="test")
        if delivery_id is not None:
            ingest.gate(self.source, ingest.load(self.source, delivery_id), run_id="test")

    def rows(self, statement: str, **values) -> list[dict]:
        """Return the rows of a query."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]


@pytest.fixture
def office(database, tmp_path, monkeypatch):
    """An office with the test census' contract, the project's places, and no suites of its own."""
    project = tmp_path / "office"
    (project / "dags" / "sources").mkdir(parents=True)
    (project / "dbt_project").symlink_to(settings.PROJECT / "dbt_project")
    here = Settings(project=project, home=database.home)
    monkeypatch.setattr(settings, "load", lambda: here)
    made = Office(database, project)
    made.declare()
    return made
