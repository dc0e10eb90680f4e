"""What dbt must know, written from the contracts."""

import yaml

from statloom.contracts import generate
from statloom.contracts.loading import load_file


def test_the_committed_files_are_those_that_the_contracts_give():
    assert generate.out_of_date() == [], "run 'statloom source sync'"


def test_meta_of_a_source(write):
    meta = generate.meta(load_file(write()))
    assert meta == {
        "place_scheme": "S",
        "place_level": {"column": "level", "values": {"country": "country", "district": "district"}},
        "place_code": {"column": "code"},
        "period": {"value": "2011"},
        "dimensions": ["toilet", "sex"],
        "measures": ["total"],
    }


def test_files_are_valid_and_name_every_source(write):
    files = generate.files([load_file(write())])
    document = yaml.safe_load(files[generate.SOURCES])
    (table,) = document["sources"][0]["tables"]
    assert table["name"] == "toilets"
    assert {c["name"] for c in table["columns"]} >= {"total", "_delivery_id", "_row_number"}
    assert all(c["description"] for c in table["columns"])
    assert "ref('stg_toilets')" in files[generate.STAGED_ROW]
