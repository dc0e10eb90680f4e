"""Contracts as plain values, and files to read by them."""

import pytest

from statloom.contracts.loading import build

COLUMNS = {
    "level": {
        "type": "text",
        "role": "place_level",
        "values": {"country": "country", "district": "district"},
    },
    "code": {"type": "text", "role": "place_code"},
    "toilet": {"type": "text", "role": "dimension", "categories": ["FLUSH", "NONE"]},
    "total": {"type": "integer", "role": "measure", "minimum": 0},
}


def make_contract(**changes):
    """Return a contract on columns level, code, toilet, total; ``changes`` replace whole keys."""
    data = {
        "source": "toilets",
        "title": {"en": "Toilets"},
        "custodian": "Office",
        "owner": "a@b.example",
        "kind": "census",
        "licence": "MIT",
        "provenance": "Office",
        "sensitivity": "low",
        "schedule": "@daily",
        "maximum_age_days": 400,
        "connector": {"type": "file", "url": "toilets.csv"},
        "format": {"type": "csv"},
        "columns": COLUMNS,
        "key": ["level", "code", "toilet"],
        "place": {"scheme": "NP-CENSUS-2011", "date": "2011-06-22"},
        "period": {"type": "year", "value": "2011"},
    } | changes
    return build(data, sha256=str(hash(repr(sorted(data.items())))))


CSV = (
    "level,code,toilet,total\n"
    "country,NP,FLUSH,10\ncountry,NP,NONE,5\ndistrict,01,FLUSH,10\ndistrict,01,NONE,5\n"
)


@pytest.fixture
def delivery(tmp_path):
    """Write a delivery; return its path."""

    def written(content=CSV, name="toilets.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written
