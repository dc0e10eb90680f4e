"""CSVW metadata under the package ``csvw``: its validator reads every row, key and reference."""

import gzip
import json
import logging
from pathlib import Path

import pyarrow as pa
import pytest
from csvw import CSVW, TableGroup

from statloom.exports import csvw
from tests.exports import sample


def described(folder: Path, tables=None, **options) -> Path:
    """Write a release and unpack what is packed: the standard knows plain files."""
    tables = tables or sample.release(folder, **options)
    path = csvw.write(folder, sample.ABOUT, tables)
    for packed in folder.rglob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def faults(path: Path, caplog) -> list[str]:
    """What the validator has against the files: rows that do not fit, keys that repeat or lead nowhere."""
    caplog.clear()
    group = TableGroup.from_file(path)
    log = logging.getLogger("csvw")
    found = []
    for table in group.tables:
        try:
            list(table.iterdicts(log=log, strict=True))
            table.check_primary_key(log=log)
        except ValueError as error:
            found.append(str(error))
    try:
        if not group.check_referential_integrity(log=log, strict=True):
            found.append("reference")
    except ValueError as error:
        found.append(str(error))
    return found + [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("gzip_above", [None, 0])
def test_the_validator_accepts_the_metadata(tmp_path, caplog, gzip_above):
    path = described(tmp_path, gzip_above=gzip_above)
    assert faults(path, caplog) == []
    # The whole test of the standard, by the same package.
    assert CSVW(str(tmp_path / "places.csv"), md_url=str(path), validate=True).is_valid
    rows = list(TableGroup.from_file(path).tabledict["data/NP_POP.csv"].iterdicts())
    assert [row["value"] for row in rows] == sample.frame()["value"].to_pylist()
    assert [row["preferred"] for row in rows] == sample.frame()["preferred"].to_pylist()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("observation_key", ["a", "a", "c", "d", "e", "f"]),
        ("place_id", ["P1", "P9", "P1", "P2", "P1", "P2"]),
        ("place_id", ["P1", None, "P1", "P2", "P1", "P2"]),
        ("n", ["1", "x", "1", "1", "1", "1"]),
    ],
)
def test_planted_faults_are_found(tmp_path, caplog, column, values):
    rows = sample.frame()
    position = rows.schema.get_field_index(column)
    tables = sample.release(tmp_path)
    from statloom.exports import csv

    csv.write(
        rows.set_column(position, column, pa.array(values, pa.string())), tmp_path / "data" / "NP_POP.csv"
    )
    assert faults(described(tmp_path, tables), caplog) != []


def test_metadata_says_titles_units_and_licences(tmp_path):
    found = json.loads(described(tmp_path).read_text())
    places, population = found["tables"]
    assert population["url"] == "data/NP_POP.csv"
    assert {"@value": "जनसंख्या", "@language": "ne"} in population["dc:title"]
    assert population["dc:license"] == [{"@id": "https://spdx.org/licenses/CC-BY-4.0.html"}]
    columns = {column["name"]: column for column in population["tableSchema"]["columns"]}
    assert columns["value"]["titles"] == {"en": ["value", "Value"], "ne": "मान"}
    assert columns["value"]["schema:unitText"] == "persons"
    assert (columns["value"]["datatype"], columns["day"]["datatype"]) == ("double", "date")
    assert population["tableSchema"]["foreignKeys"][0]["reference"]["resource"] == "places.csv"
    # The place above the country is empty, which readers would take for a wrong one.
    assert "foreignKeys" not in places["tableSchema"]


def test_a_packed_file_is_described_under_its_unpacked_name(tmp_path):
    found = json.loads(described(tmp_path, gzip_above=0).read_text())["tables"][1]
    assert found["url"] == "data/NP_POP.csv"
    assert found["dcat:downloadURL"] == {"@id": "data/NP_POP.csv.gz"}
