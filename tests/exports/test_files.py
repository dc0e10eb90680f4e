"""CSV, Parquet and checksums, read back by tools that are not ours."""

import gzip
import hashlib
import subprocess

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from statloom.exports import checksums, csv, parquet
from statloom.exports.model import fields_of
from tests.exports import sample


@pytest.fixture
def folder(tmp_path):
    sample.release(tmp_path)
    return tmp_path


def test_duckdb_and_pandas_read_the_same_sums(folder):
    wanted = (6, 2069807.0 + 0.1 + 1e-7 + 1 / 3, 19, 5)
    for file in ("NP_POP.csv", "NP_POP.parquet"):
        path = str(folder / "data" / file)
        read = "count(*), sum(value), sum(n)::bigint, count(preferred)"
        assert duckdb.sql(f"select {read} from '{path}'").fetchall()[0] == pytest.approx(wanted)
        table = pd.read_csv(path) if file.endswith("csv") else pd.read_parquet(path)
        sums = (len(table), table["value"].sum(), table["n"].sum(), table["preferred"].count())
        assert sums == pytest.approx(wanted)


def test_every_value_comes_back_exactly(folder):
    csv_read = pd.read_csv(folder / "data" / "NP_POP.csv")
    columnar = pq.read_table(folder / "data" / "NP_POP.parquet").to_pandas()
    original = sample.frame().to_pandas()
    for read in (csv_read, columnar):
        pd.testing.assert_series_equal(read["value"], original["value"])
        assert list(read["period"].astype(str)) == list(original["period"])
    assert list(columnar["comment"]) == list(original["comment"])


def test_formulas_are_neutralised_in_csv_and_numbers_are_not(folder):
    read = pd.read_csv(folder / "data" / "NP_POP.csv", keep_default_na=False, dtype=str)
    assert list(read["comment"]) == [
        '\'=cmd|"/c calc"!A0',
        "'+1",
        "'-2+3",
        "'@SUM(A1)",
        'a "quote", a comma\nand a line',
        "",
    ]
    assert read["value"][1] == "-5"
    assert pd.read_csv(folder / "places.csv")["place_name"][0] == "'=One"


def test_same_frame_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        sample.release(tmp_path / name)
        sample.release(tmp_path / name, gzip_above=0)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_gzip_above_a_size(tmp_path):
    plain = csv.write(sample.frame(), tmp_path / "a.csv", gzip_above=1_000_000)
    packed = csv.write(sample.frame(), tmp_path / "b.csv", gzip_above=10)
    assert (plain.name, packed.name) == ("a.csv", "b.csv.gz")
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_parquet_describes_itself(folder):
    schema = pq.read_schema(folder / "data" / "NP_POP.parquet")
    about = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    assert about["title"] == "Population"
    assert about["unit"] == "persons"
    assert about["licence"] == "CC-BY-4.0; Terms of the ministry"
    assert about["source"] == "A census (Bureau); A survey (Ministry)"
    assert about["synthetic"] == "true"
    value = schema.field("value").metadata
    assert (value[b"description"], value[b"unit"]) == (b"The figure.", b"persons")
    assert schema.field("place_id").metadata[b"description"] == b"The place."


def test_an_empty_series_is_written(tmp_path):
    nothing = sample.frame().slice(0, 0)
    fields = fields_of(nothing.schema, {})
    csv.write(nothing, tmp_path / "a.csv")
    parquet.write(nothing, tmp_path / "a.parquet", dataset=sample.dataset(), fields=fields)
    assert pd.read_csv(tmp_path / "a.csv").shape == (0, 9)
    assert pd.read_parquet(tmp_path / "a.parquet").shape == (0, 9)


def test_checksums_agree_with_sha256sum_and_find_every_fault(folder):
    checksum = checksums.write(folder, {})
    assert checksum == hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    checked = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True)
    assert checked.returncode == 0
    assert checksums.problems(folder) == []
    with (folder / "places.csv").open("a") as file:
        file.write("x")
    (folder / "data" / "NP_POP.csv").unlink()
    (folder / "more.txt").write_text("?")
    assert checksums.problems(folder) == [
        "data/NP_POP.csv is missing",
        "more.txt is not listed",
        "places.csv differs from its checksum",
    ]
    (folder / "SHA256SUMS").unlink()
    assert checksums.problems(folder) == ["SHA256SUMS is missing"]
