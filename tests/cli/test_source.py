"""The command `statloom source`: first contracts for new files, checks that write nothing."""

import gzip
from pathlib import Path

import openpyxl
import pandas as pd
import pyreadstat
import pytest
import yaml

from statloom import cli, contracts, settings
from statloom.contracts import generate

REAL = settings.PROJECT


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with the real places and no sources."""
    folder = tmp_path / "project"
    (folder / "dags" / "sources").mkdir(parents=True)
    (folder / "dbt_project").mkdir()
    (folder / "dbt_project" / "seeds").symlink_to(REAL / "dbt_project" / "seeds")
    (folder / "plugins").symlink_to(REAL / "plugins")
    monkeypatch.setattr(settings, "PROJECT", folder)
    return folder


def new(path, *more):
    return cli.main(["source", "new", str(path), *more])


def files_of(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "seeds" not in p.parts}


def test_a_csv_with_mark_semicolons_and_decimal_commas(project, tmp_path, capsys):
    path = tmp_path / "poverty_2014.csv"
    rows = [
        ("1", "Taplejung", "27,0"),
        ("2", "Panchthar", "11,4"),
        ("3", "Ilam", "7,3"),
        ("99", "Nowhere", ""),
    ]
    text = "District code;District;Poverty rate\n" + "".join(f"{';'.join(row)}\n" for row in rows)
    path.write_bytes(text.encode("utf-8-sig"))
    assert new(path) == 0
    contract = contracts.load("poverty_2014")
    assert (contract.format.encoding, contract.format.delimiter, contract.format.decimal) == (
        "utf-8-sig",
        ";",
        ",",
    )
    assert contract.format.rename == {
        "District code": "district_code",
        "District": "district",
        "Poverty rate": "poverty_rate",
    }
    assert contract.first("place_code") == "district_code" and contract.first("place_name") == "district"
    assert contract.place.level == "district" and contract.period.value == "2014"
    assert contract.columns["poverty_rate"].type == "number" and not contract.columns["poverty_rate"].required
    assert contract.key == ("district_code",)
    output = capsys.readouterr().out
    assert "4 rows read, 0 held out" in output
    assert "not found in" in output and "99, Nowhere" in output
    assert generate.out_of_date() == []
    suite = yaml.safe_load((project / "expectations" / "raw" / "poverty_2014.yml").read_text())
    assert suite["suite"] == "raw.poverty_2014" and suite["expectations"][0]["kwargs"] == {
        "level": "district"
    }
    text = (project / "dags" / "sources" / "poverty_2014.yml").read_text()
    assert "TODO" not in text and text.startswith("# First contract")


def test_a_long_table_with_levels_periods_and_categories_in_gzip(project, tmp_path):
    path = tmp_path / "companies.csv.gz"
    lines = ["geo_level,geo_code,kind,fiscal_year,total"]
    lines += [
        f"district,{d:02},{k},{y}/{(y + 1) % 100},{d}"
        for d in range(1, 76)
        for k in "AB"
        for y in (2070, 2071)
    ]
    lines += ["country,NP,A,2070/71,1", "country,NP,B,2070/71,1"]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert new(path, "--source", "register") == 0
    contract = contracts.load("register")
    assert contract.format.compression == "gzip"
    assert contract.place.scheme == "NP-CENSUS-2011"
    assert contract.raw["geo_level"].values == {"district": "district", "country": "country"}
    assert contract.columns["kind"].categories == ("A", "B")
    assert (contract.period.type, contract.period.column) == ("fiscal_year_bs", "fiscal_year")
    assert set(contract.key) == {"geo_level", "geo_code", "kind", "fiscal_year"}


def test_a_workbook_with_titles_and_merged_headers(project, tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Data"
    for row in (["Title"], [], ["Level", "Code", "Persons", None], [None, None, "Male", "Female"]):
        sheet.append(row)
    sheet.merge_cells("C3:D3")
    for i in range(1, 76):
        sheet.append(["District", f"{i:02}", i, i])
    path = tmp_path / "persons.xlsx"
    book.save(path)
    assert new(path) == 0
    contract = contracts.load("persons")
    assert contract.format.header_rows == (3, 4) and contract.format.sheet == "Data"
    assert set(contract.columns) == {"level", "code", "persons_male", "persons_female"}
    assert contract.columns["level"].values == {"District": "district"}


def test_microdata_get_a_design_and_no_identifiers(project, tmp_path):
    path = tmp_path / "survey_2021.dta"
    frame = pd.DataFrame(
        {
            "household_id": range(40),
            "stratum": [1, 2] * 20,
            "psu": [i // 5 for i in range(40)],
            "weight": [1.5] * 40,
            "district": [str(i % 77 + 1) for i in range(40)],
            "head_name": [f"Name {i}" for i in range(40)],
            "toilet": [1, 2] * 20,
        }
    )
    frame["stratum"] = [1 if i < 20 else 2 for i in range(40)]
    pyreadstat.write_dta(frame, str(path), variable_value_labels={"toilet": {1: "None", 2: "Flush"}})
    assert new(path) == 0
    contract = contracts.load("survey_2021")
    assert contract.kind == "survey" and contract.sensitivity == "high"
    assert dict(contract.estimation.design) == {"weight": "weight", "strata": "stratum", "psu": "psu"}
    assert (
        contract.columns["head_name"].role == contract.columns["household_id"].role == "personal_identifier"
    )
    assert {e.measure for e in contract.estimation.estimands} >= {"toilet_none", "toilet_flush"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "the file is empty"),
        ("page.csv", b"<html><body>", "an HTML page"),
        ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-4], "truncated"),
        ("header.csv", b"a,b\n", "a header and no rows"),
        ("cut.dta", b"<stata_dta>", "Stata"),
        ("nothing.json", b"{}", "no list of records"),
    ],
)
def test_files_that_cannot_be_read_leave_nothing_behind(project, tmp_path, capsys, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    before = files_of(project)
    assert new(path) == 1
    assert message in capsys.readouterr().err
    assert files_of(project) == before


def test_what_is_there_is_not_overwritten(project, tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("code,total\n01,1\n02,2\n")
    assert new(path) == 0
    before = files_of(project)
    assert new(path) == 1
    assert "there is a contract for 'a' already" in capsys.readouterr().err
    assert new(path, "--source", "No Name") == 1
    assert files_of(project) == before


def test_check_reads_without_writing(project, tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("code,kind,total\n01,A,1\n02,B,2\n03,A,3\n")
    new(path)
    capsys.readouterr()
    before = files_of(project)
    path.write_text("code,kind,total\n01,A,1\n02,C,2\n8888,A,2\n")
    assert cli.main(["source", "check", "a"]) == 0
    output = capsys.readouterr().out
    assert "3 rows read, 0 held out" in output
    assert "column kind: not in the contract's categories: 'C'" in output
    assert "not found in NP-" in output and "8888" in output
    path.write_text("code,kind,total\n01,A,one\n02,C,2\n")
    assert cli.main(["source", "check", "a"]) == 1
    assert "row 2, column total: 'one' is not an integer" in capsys.readouterr().err
    assert cli.main(["source", "check", "nothing"]) == 1
    assert files_of(project) == before


def test_list_and_sync(project, tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("code,total\n01,1\n02,2\n")
    new(path)
    (project / "dbt_project" / generate.SOURCES).write_text("old")
    assert cli.main(["source", "sync", "--check"]) == 1
    assert cli.main(["source", "sync"]) == 0
    assert cli.main(["source", "sync", "--check"]) == 0
    capsys.readouterr()
    assert cli.main(["source", "list"]) == 0
    assert "no delivery" in capsys.readouterr().out
    (project / "dags" / "sources" / "b.yml").write_text("source: b\n")
    assert cli.main(["source", "list"]) == 1
    captured = capsys.readouterr()
    assert "a  " in captured.out and "b.yml, line 1: 'title' is missing" in captured.err


@pytest.mark.database
def test_rebuild_makes_a_raw_table_anew_after_a_retyped_column(project, tmp_path, database, capsys):
    from sqlalchemy import text

    from statloom import landing

    path = tmp_path / "a.csv"
    path.write_text("code,total\n01,1\n02,2\n")
    new(path)
    contract, archive = contracts.load("a"), str(tmp_path / "archive")
    fetched = landing.fetch(contract, archive=archive, engine=database.engine, run_id=None)
    landing.load(contract, fetched.delivery_id, engine=database.engine, archive=archive)
    landing.accept(database.engine, fetched.delivery_id)
    file = Path(project / "dags" / "sources" / "a.yml")
    file.write_text(file.read_text().replace("type: integer", "type: number"))
    changed = contracts.load("a")
    again = landing.fetch(changed, archive=archive, engine=database.engine, run_id=None)
    with pytest.raises(contracts.loading.ContractError, match="source rebuild a"):
        landing.load(changed, again.delivery_id, engine=database.engine, archive=archive)
    assert cli.main(["source", "rebuild", "a"]) == 0
    landing.load(changed, again.delivery_id, engine=database.engine, archive=archive)
    with database.engine.connect() as connection:
        assert connection.scalar(text("select pg_typeof(total)::text from raw.a limit 1")) == "numeric"
    capsys.readouterr()
    assert cli.main(["source", "list"]) == 0
    assert "loaded, fetched" in capsys.readouterr().out


def test_help_is_there_for_every_action(capsys):
    for action in ("new", "check", "list", "sync", "rebuild"):
        with pytest.raises(SystemExit) as ended:
            cli.main(["source", action, "--help"])
        assert ended.value.code == 0
