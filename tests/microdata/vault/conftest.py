"""Contracts on the test census, and a state folder without a database."""

import copy

import pytest

from statloom.connectors.payload import Part, Payload
from statloom.contracts.loading import build
from statloom.contracts.validation import cross_problems, schema_problems

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


def payload(*paths):
    """Return a payload of these files, as a connector hands it over."""
    return Payload(tuple(Part(p.name, p, str(p)) for p in paths), str(paths[0]))
