"""A whole release under the readers of its formats, and one source of names for all of them."""

import json
import logging
import warnings
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
import sdmx as sdmx1
from csvw import TableGroup
from frictionless import Package
from pysdmx.io import read_sdmx
from pyshacl import validate
from rdflib import Graph

from statloom.publication import publish
from statloom.release.marts import Figures
from tests.publication.marts import build, run
from tests.release.country import publish_country
from tests.release.test_release import again

pytestmark = pytest.mark.database
SHAPES = Path(__file__).parents[1] / "exports" / "dcat_ap_3.ttl"


def declare_names(database, *, female: str = "Female", unit: str = "Persons") -> None:
    """Seed the names of codes, as dbt does."""
    run(
        database.engine,
        "create schema if not exists reference",
        "drop table if exists reference.code_list, reference.breakdown, reference.unit, reference.term",
        "create table reference.breakdown as "
        "select 'sex' dimension, 'SEX' concept, 'Sex' title, 'लिङ्ग' title_ne",
        "create table reference.code_list as select * from (values ('sex', '_T', 'Total', 'जम्मा'), "
        f"('sex', 'F', '{female}', 'महिला')) c (dimension, code, title, title_ne)",
        "create table reference.unit as "
        f"select 'PERSONS' unit, '{unit}' title, 'जना' title_ne, 'PS' sdmx_code",
        "create table reference.term as select * from (values "
        "('place', 'NP-2017:country:NP', 'Nepal', null, '524'), ('column', 'value', 'Value', 'मान', null)) "
        "t (kind, code, title, title_ne, sdmx_code)",
    )


@pytest.fixture
def released(database):
    """A release of a small country, one cell of which is left out."""
    declare_names(database)
    publish_country(database.engine, minimum=10)
    profile = """
        select o.observation_key, o.place_id, o.place_code, o.place_name, o.place_level, o.place_vintage,
            o.series_code, o.sex, o.age, o.urbanisation, o.income_wealth_quantile, o.education_lev,
            o.occupation, o.cust_breakdown, o.composite_breakdown, o.disability_status, o.activity, o.product,
            o.period, o.value::numeric as value, o.numerator::numeric as numerator,
            1::numeric as country_value,
            o.obs_status, o.comment
        from candidate.observation o where o.period = '2012'
    """
    build(database.engine, "place_profile", profile, "observation_key")
    build(
        database.engine,
        "source",
        "select 'census' as source_id, 'A census' as title, 'secret@example.org' as owner "
        "union all select 'survey', 'A survey', null",
        "source_id",
    )
    publish(database.engine, run_id="test", code_version="abc")
    return again(database).folder


def test_every_reader_accepts_the_release_and_finds_the_same_figures(released):
    """One release for all: making it is what costs."""
    readers_accept(released)
    figures_are_the_same(released)
    parquet_says_units_and_descriptions(released)


def readers_accept(released: Path) -> None:
    report = Package.from_descriptor(str(released / "datapackage.json")).validate()
    assert [error.note for task in report.tasks for error in task.errors] + report.errors == []
    group = TableGroup.from_file(released / "csv-metadata.json")
    log = logging.getLogger("csvw")
    for table in group.tables:
        assert list(table.iterdicts(strict=True))
        assert table.check_primary_key(log=log)
    assert group.check_referential_integrity(log=log, strict=True)
    for name, kind in (("catalogue.json", "json-ld"), ("catalogue.ttl", "turtle")):
        conforms, _, text = validate(Graph().parse(released / name, format=kind), shacl_graph=str(SHAPES))
        assert conforms, text
    described = {str(table.url) for table in group.tables}
    listed = {r["path"] for r in json.loads((released / "datapackage.json").read_text())["resources"]}
    written = {
        p.relative_to(released).as_posix() for p in released.rglob("*.csv") if "open_sdg" not in p.parts
    }
    assert {path for path in written if not path.startswith("sdmx/")} == described
    assert written <= listed | described


def figures_are_the_same(released: Path) -> None:
    series = pd.concat(pd.read_csv(path) for path in sorted((released / "data").glob("*.csv")))
    left_out = series[series["obs_status"] == "Q"]
    assert 0 < len(left_out) < len(series)
    for path in (released / "marts" / "observation.csv", released / "marts" / "observation.parquet"):
        (rows, values, total), *_ = duckdb.sql(
            f"select count(*), count(value), sum(value) from '{path}'"
        ).fetchall()
        assert (rows, values) == (len(series), series["value"].count())
        assert total == pytest.approx(series["value"].sum(), rel=1e-12)
    whole = pl.read_parquet(released / "marts" / "indicator_series.parquet")
    assert whole["value"].sum() == pytest.approx(series[series["preferred"]]["value"].sum(), rel=1e-12)
    profile = pd.read_csv(released / "marts" / "place_profile.csv").set_index("observation_key")
    hidden = profile.loc[profile.index.intersection(left_out["observation_key"])]
    assert len(hidden)
    assert hidden[["value", "numerator"]].isna().all(axis=None)
    assert "owner" not in pd.read_csv(released / "marts" / "source.csv").columns
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for edition in ("3.0", "2.1"):
            here = released / "sdmx" / edition
            (all_figures,) = read_sdmx(here / "data.csv").data
            values = pd.to_numeric(all_figures.data["OBS_VALUE"].astype(object).replace("", None))
            preferred = series[series["preferred"]]
            assert (len(values), values.count()) == (len(preferred), preferred["value"].count())
            assert values.sum() == pytest.approx(preferred["value"].sum(), rel=1e-12)
            structure = sdmx1.read_sdmx(here / "structure.xml")
            message = sdmx1.read_sdmx(here / "data" / "NP_POP.xml", structure=structure.structure["SDG"])
            again = sdmx1.to_pandas(message.data[0]).dropna()
            assert again.sum() == pytest.approx(series[series["series_code"] == "NP_POP"]["value"].sum())


def parquet_says_units_and_descriptions(released: Path) -> None:
    schema = pq.read_schema(released / "data" / "NP_POP.parquet")
    value = schema.field("value").metadata
    assert value[b"unit"] == b"Persons"
    assert value[b"title_ne"].decode() == "मान"
    assert value[b"description"] == b"The figure, in the series' unit."
    assert schema.metadata[b"title_ne"].decode() == "जनसंख्या"


def test_a_title_is_written_once_and_stands_everywhere(database):
    """Title, definition, category and unit are changed where they are written; no file has the old ones."""
    old = {
        "title": "Quokka count",
        "definition": "Quokkas seen.",
        "female": "Quokka hen",
        "unit": "Quokka heads",
    }
    new = {name: text.replace("Quokka", "Wombat") for name, text in old.items()}
    publish_country(database.engine)
    folders = []
    for texts in (old, new):
        declare_names(database, female=texts["female"], unit=texts["unit"])
        run(
            database.engine,
            f"update candidate.indicator set title = '{texts['title']}', "
            f"definition = '{texts['definition']}', unit_title = '{texts['unit']}' "
            "where series_code = 'NP_POP'",
        )
        publish(database.engine, run_id="test", code_version="abc")
        folders.append(again(database).folder)
    files = {
        path.relative_to(folders[1]).as_posix(): path.read_bytes()
        for path in folders[1].rglob("*")
        if path.is_file() and not path.name.startswith("changes.")  # these compare two releases
    }
    assert [name for name, content in files.items() if b"Quokka" in content] == []
    expected = {
        "title": "datapackage.json csv-metadata.json catalogue.json catalogue.ttl series.csv README.md "
        "index.html datasets/NP_POP.html data/NP_POP.parquet sdmx/3.0/structure.xml sdmx/2.1/structure.xml",
        "definition": "datapackage.json csv-metadata.json catalogue.json catalogue.ttl series.csv "
        "datasets/NP_POP.html data/NP_POP.parquet sdmx/3.0/structure.xml sdmx/2.1/structure.xml",
        "female": "sdmx/3.0/structure.xml sdmx/2.1/structure.xml",
        "unit": "datapackage.json catalogue.json series.csv data/NP_POP.parquet sdmx/3.0/structure.xml",
    }
    for name, where in expected.items():
        assert [file for file in where.split() if new[name].encode() not in files[file]] == [], name


def test_figures_of_many_series_are_written_together(tmp_path, monkeypatch):
    """The file of all figures is the same whatever the size of the parts that it is written in."""
    from statloom.exports.model import Text
    from statloom.release import marts
    from tests.exports import cells

    parts = [cells.table([{"value": float(n), "observation_key": f"{n}"}]) for n in range(9)]
    read = []
    for rows in (1, 1000):
        monkeypatch.setattr(marts, "_ROWS_AT_ONCE", rows)
        here = tmp_path / str(rows)
        here.mkdir()
        figures = Figures(here, "observation", Text("All"), packed=False)
        figures.begin(parts[0].schema, "", ())
        for part in parts:
            figures.add(part)
        table = figures.finish(())
        read.append((here / table.file.path).read_bytes())
        assert pq.read_table(here / table.parquet.path)["value"].to_pylist() == list(range(9))
    assert read[0] == read[1]
