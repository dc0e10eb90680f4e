"""A small survey in the vault, by seed: households and persons, and a contract with a public-use file."""

import copy

import numpy as np
import pyarrow as pa
import yaml

from statloom.contracts.loading import build, load_file
from statloom.contracts.validation import cross_problems, schema_problems
from statloom.microdata import vault

SHA256 = "a" * 64
SURVEY = {
    "source": "survey_2021",
    "title": {"en": "Test survey", "ne": "परीक्षण सर्वेक्षण"},
    "custodian": "Office",
    "owner": "a@b.example",
    "kind": "survey",
    "synthetic": True,
    "licence": "MIT",
    "provenance": "Synthetic",
    "sensitivity": "severe",
    "schedule": "@daily",
    "maximum_age_days": 400,
    "connector": {"type": "file", "url": "survey.csv"},
    "format": {"type": "csv", "compression": "zip"},
    "records": {
        "household": {"key": ["household_id"]},
        "person": {"parent": "household", "key": ["line"]},
    },
    "columns": {
        "household_id": {"type": "integer", "role": "key", "record": "household"},
        "psu": {"type": "integer", "role": "psu", "record": "household"},
        "weight": {"type": "number", "role": "weight", "record": "household"},
        "province": {"role": "place_code", "level": "province", "record": "household"},
        "district": {"role": "place_code", "level": "district", "record": "household"},
        "area": {"role": "dimension", "categories": ["Urban", "Rural"], "record": "household"},
        "phone": {"role": "personal_identifier", "pseudonymise": True, "record": "household"},
        "consumption": {"type": "number", "role": "measure", "record": "household", "unit": "rupees"},
        "line": {"type": "integer", "role": "key", "record": "person"},
        "name": {"role": "personal_identifier", "record": "person"},
        "remark": {"role": "dimension", "record": "person"},
        "sex": {"role": "dimension", "categories": ["Male", "Female"], "record": "person"},
        "age": {"type": "integer", "role": "measure", "record": "person", "unit": "years"},
        "literate": {"role": "dimension", "categories": ["No", "Yes"], "record": "person", "required": False},
        "illness": {"role": "dimension", "categories": ["None", "Some", "Grave"], "record": "person"},
    },
    "place": {"scheme": "NP-LOCAL-2017", "date": "2021-11-25", "code": "NP"},
    "period": {"type": "year", "value": "2021"},
    "estimation": {
        "record": "person",
        "design": {"weight": "weight"},
        "domains": [[]],
        "estimands": [{"measure": "mean_age", "type": "mean", "column": "age"}],
    },
    "public_use": {
        "licence": "CC-BY-4.0",
        "terms": {"en": "Nobody is to be looked for.", "ne": "कसैलाई खोज्न पाइँदैन।"},
        "weight": {"column": "weight", "round": 10},
        "place_level": "province",
        "largest_household": 6,
        "keys": ["province", "area", "sex", "age"],
        "sensitive": ["illness"],
        "variables": ["literate", "consumption"],
        "recode": {
            "age": {"width": 10, "top": 70},
            "consumption": {"round": 100, "bottom": 1000, "top": 9000},
        },
        "k": 3,
        "l": {"distinct": 2},
    },
}


def declaration(**changes) -> dict:
    """Return the contract as a mapping; ``changes`` replace parts of ``public_use`` (None: taken out)."""
    data = copy.deepcopy(SURVEY)
    given = data["public_use"] | changes
    data["public_use"] = {name: value for name, value in given.items() if value is not None}
    return data


def contract(**changes):
    """Return the contract, which must be valid; ``changes`` as of `declaration`."""
    data = declaration(**changes)
    assert (schema_problems(data) or cross_problems(data, data["source"])) == []
    return build(data, sha256="test")


def written(folder, data: dict):
    """Write ``data`` as a contract's file into ``folder``; return it as it is loaded."""
    path = folder / f"{data['source']}.yml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False))
    return load_file(path)


def rows(households: int = 400, seed: int = 1) -> tuple[dict, dict]:
    """Return columns of households and of persons: 1 to 8 persons a household, most of them 2 to 5."""
    random = np.random.default_rng(seed)
    sizes = random.choice(np.arange(1, 9), households, p=[0.1, 0.2, 0.2, 0.2, 0.15, 0.1, 0.03, 0.02])
    of = np.repeat(np.arange(households), sizes)
    persons = len(of)
    age = np.minimum(random.exponential(28, persons).astype(int), 97)
    literate = np.where(age < 5, None, np.where(random.random(persons) < 0.7, "Yes", "No"))
    above = {
        "household_id": np.arange(households) + 5000,
        "psu": np.arange(households) // 10,
        "weight": np.round(random.uniform(50, 400, households), 3),
        "province": random.choice(["1", "2", "3"], households, p=[0.5, 0.35, 0.15]),
        "district": np.array([f"{number:02d}" for number in random.integers(0, 30, households)]),
        "area": random.choice(["Urban", "Rural"], households),
        "phone": np.array([f"{number:032x}" for number in random.integers(0, 2**60, households)]),
        "consumption": np.round(random.lognormal(8.3, 0.5, households), 2),
    }
    below = {
        "line": np.arange(persons) - np.searchsorted(of, of) + 1,
        "remark": np.array([f"said {number}" for number in range(persons)]),
        "sex": random.choice(["Male", "Female"], persons),
        "age": age,
        "literate": literate,
        "illness": random.choice(["None", "Some", "Grave"], persons, p=[0.8, 0.15, 0.05]),
        "_household": of + 1,
    }
    return above, below


def store(made, above: dict, below: dict, sha256: str = SHA256) -> vault.Stored:
    """Write the rows into the vault as a delivery of the contract ``made``."""
    count, persons = len(above["household_id"]), len(below["line"])
    above = above | {"_household": np.arange(count) + 1, "_row_number": np.arange(count) + 2}
    below = below | {"_person": np.arange(persons) + 1, "_row_number": np.arange(persons) + 2}
    with vault.Writer(made, sha256) as writer:
        writer.write("household", pa.table(above))
        writer.write("person", pa.table(below))
        writer.finish()
        return writer.commit()
