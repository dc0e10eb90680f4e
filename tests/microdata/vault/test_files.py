"""Microdata in CSV, Stata, SPSS, Parquet and Excel, alone and in zip archives; and what is damaged."""

import copy
import gzip
import zipfile

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from statloom.errors import DeliveryError
from statloom.landing import microdata
from statloom.landing.read import delimited, unit_files
from statloom.landing.read.units import Units
from tests.microdata.vault.conftest import CENSUS, made

HOUSEHOLDS = {
    "ea": {"role": "psu", "record": "household"},
    "hh": {"type": "integer", "role": "personal_identifier", "record": "household"},
    "toilet": {"role": "dimension", "record": "household", "categories": ["Flush", "None"]},
    "weight": {"type": "number", "role": "weight", "record": "household"},
}
PERSONS = {
    "line": {"type": "integer", "role": "key", "record": "person"},
    "name": {"role": "personal_identifier", "record": "person"},
    "sex": {"role": "dimension", "record": "person", "categories": ["Male", "Female"]},
    "income": {"type": "number", "role": "measure", "record": "person", "required": False},
}
FLAT = {n: {k: v for k, v in c.items() if k != "record"} for n, c in (HOUSEHOLDS | PERSONS).items()}
ESTIMATION = {
    "record": "person",
    "design": {"weight": "weight", "psu": "ea"},
    "domains": [[], ["sex"], ["toilet"]],
    "estimands": [
        {"measure": "income", "type": "mean", "column": "income"},
        {
            "measure": "toilet",
            "type": "proportion",
            "column": "toilet",
            "category": "None",
            "record": "household",
        },
    ],
}


def contract(form, **changes):
    """A contract of households and their persons; in one file, of persons alone."""
    data = {k: v for k, v in copy.deepcopy(CENSUS).items() if k != "key"} | {
        "format": form,
        "records": {"household": {"key": ["ea", "hh"]}, "person": {"parent": "household", "key": ["line"]}},
        "columns": copy.deepcopy(HOUSEHOLDS | PERSONS),
        "estimation": copy.deepcopy(ESTIMATION),
    }
    return made(data | changes)


def flat(form, **changes):
    data = {k: v for k, v in copy.deepcopy(CENSUS).items() if k != "records"} | {
        "format": form,
        "key": ["ea", "hh", "line"],
        "columns": {
            n: {k: v for k, v in c.items() if k != "record"} for n, c in (HOUSEHOLDS | PERSONS).items()
        },
        "estimation": {
            **ESTIMATION,
            "record": None,
            "estimands": [{k: v for k, v in e.items() if k != "record"} for e in ESTIMATION["estimands"]],
        },
    }
    del data["estimation"]["record"]
    return made(data | changes)


@pytest.fixture
def people():
    """Frames of 40 households and their persons, coded."""
    random = np.random.default_rng(3)
    households = pd.DataFrame(
        {
            "ea": [f"{i // 5:03}" for i in range(40)],
            "hh": [i % 5 for i in range(40)],
            "toilet": random.integers(1, 3, 40),
            "weight": random.uniform(1, 3, 40).round(3),
        }
    )
    persons = households.loc[households.index.repeat(3), ["ea", "hh"]].reset_index(drop=True)
    persons["line"] = np.tile([1, 2, 3], 40)
    persons["name"] = [f"Secret {i}" for i in range(120)]
    persons["sex"] = random.integers(1, 3, 120)
    persons["income"] = np.where(np.arange(120) % 11 == 0, np.nan, random.integers(0, 9000, 120))
    return households, persons


LABELS = {"toilet": {1: "Flush", 2: "None"}, "sex": {1: "Male", 2: "Female"}}
CODES = {
    "toilet": {"codes": {"1": "Flush", "2": "None"}},
    "sex": {"codes": {"1": "Male", "2": "Female"}},
}


def with_codes(columns):
    return {n: c | CODES.get(n, {}) for n, c in columns.items()}


def written(frame, path, kind):
    labels = {k: v for k, v in LABELS.items() if k in frame}
    if kind == "stata":
        pyreadstat.write_dta(frame, str(path), variable_value_labels=labels)
    elif kind == "spss":
        pyreadstat.write_sav(frame, str(path), variable_value_labels=labels, compress=True)
    elif kind == "parquet":
        frame.to_parquet(path, row_group_size=25)
    elif kind == "excel":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path


SUFFIX = {"csv": "csv", "stata": "dta", "spss": "sav", "parquet": "parquet", "excel": "xlsx"}


@pytest.mark.parametrize("kind", SUFFIX)
def test_one_file_of_persons(kind, people, home, tmp_path, monkeypatch):
    monkeypatch.setattr(unit_files, "ROWS", 50)
    monkeypatch.setattr(delimited, "_BLOCK", 1000)
    households, persons = people
    frame = persons.merge(households, on=["ea", "hh"])
    path = written(frame, tmp_path / f"people.{SUFFIX[kind]}", kind)
    labelled = kind in ("stata", "spss")
    subject = flat({"type": kind}) if labelled else flat({"type": kind}, columns=with_codes(FLAT))
    reading = microdata.check(subject, path)
    (record,) = reading.taken.profile.records
    assert (record.rows, record.duplicate_keys.rows) == (120, 0)
    profile = {column.column: column for column in reading.taken.profile.columns}
    assert profile["income"].missing.rows == 11 and profile["income"].minimum is not None
    assert profile["name"].distinct is None and profile["name"].minimum is None
    assert profile["sex"].distinct == 2 and profile["sex"].minimum == "Female"
    found = reading.table.to_pandas()
    nation = found[(found.estimand == "toilet") & (found.sex == "_T") & (found.toilet == "_T")]
    expected = frame.weight[frame.toilet == 2].sum() / frame.weight.sum()
    assert float(nation.value.iloc[0]) == pytest.approx(expected)


@pytest.mark.parametrize("kind", SUFFIX)
def test_households_and_persons_in_a_zip_archive(kind, people, home, tmp_path):
    households, persons = people
    archive = tmp_path / "people.zip"
    persons = persons.sample(frac=1, random_state=1, ignore_index=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for frame, name in ((persons, "person"), (households, "household")):
            path = written(frame, tmp_path / f"{name}.{SUFFIX[kind]}", kind)
            out.write(path, f"data/{path.name}")
    columns = HOUSEHOLDS | PERSONS
    subject = contract(
        {"type": kind, "compression": "zip"} if kind != "excel" else {"type": "excel"},
        columns=columns if kind in ("stata", "spss") else with_codes(columns),
    )
    if kind == "excel":
        archive = tmp_path / "people.xlsx"
        with pd.ExcelWriter(archive) as out:
            persons.to_excel(out, sheet_name="Persons", index=False)
            households.to_excel(out, sheet_name="Households", index=False)
        records = {
            "household": {"key": ["ea", "hh"], "sheet": "Households"},
            "person": {"parent": "household", "key": ["line"], "sheet": "Persons"},
        }
        subject = contract({"type": "excel"}, columns=with_codes(columns), records=records)
    reading = microdata.check(subject, archive)
    household, person = reading.taken.profile.records
    assert (household.rows, person.rows, person.orphans.rows) == (40, 120, 0)
    assert household.childless["person"].rows == 0
    found = reading.table.to_pandas()
    women = found[(found.estimand == "income") & (found.sex == "Female")]
    whole = persons.merge(households, on=["ea", "hh"])
    whole = whole[(whole.sex == 2) & whole.income.notna()]
    assert float(women.value.iloc[0]) == pytest.approx(np.average(whole.income, weights=whole.weight))
    # A household has no sex: it is estimated in the domains of its own columns alone.
    assert set(found.sex[found.estimand == "toilet"]) == {"_T"}


def test_compressed_text_and_rows_of_another_width(people, home, tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK", 700)
    households, persons = people
    text = persons.merge(households, on=["ea", "hh"]).to_csv(index=False).splitlines()
    text[30] += ",9"
    text[70] = "1,2"
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(("\n".join(text) + "\n").encode()))
    columns = with_codes(FLAT)
    form = {"type": "csv", "compression": "gzip"}
    with pytest.raises(DeliveryError, match=r"people.csv.gz, row 31: 9 fields where the header has 8"):
        microdata.check(flat(form, columns=columns), path)
    reading = microdata.check(flat(form, columns=columns, tolerance={"unreadable_rows": 0.1}), path)
    assert [(row.row_number, row.content) for row in reading.quarantined] == [(31, {}), (71, {})]
    assert reading.taken.profile.records[0].rows == 118
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DeliveryError, match="truncated"):
        microdata.check(flat(form, columns=columns), path)


def test_row_numbers_are_those_of_the_file(people, home, tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK", 500)
    households, persons = people
    frame = persons.merge(households, on=["ea", "hh"])
    lines = frame.to_csv(index=False).splitlines()
    lines[40] = "broken"
    path = tmp_path / "people.csv"
    path.write_text("\n".join(lines) + "\n")
    columns = with_codes(FLAT)
    subject = flat({"type": "csv"}, columns=columns, tolerance={"unreadable_rows": 0.1})
    rows, names = [], []
    for (batch,) in Units(subject, path, path.name, tmp_path):
        rows += batch.table["_row_number"].to_pylist()
        names += batch.table["income"].to_pylist()
    assert rows == [n for n in range(2, 122) if n != 41]
    assert [v for v in names if v is not None] == frame.income.drop(39).dropna().tolist()


@pytest.mark.parametrize("kind", ["stata", "spss", "parquet", "excel", "csv"])
def test_a_file_that_ends_in_the_middle(kind, people, home, tmp_path):
    households, persons = people
    frame = pd.concat([persons.merge(households, on=["ea", "hh"])] * 30, ignore_index=True)
    path = written(frame, tmp_path / f"people.{SUFFIX[kind]}", kind)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(DeliveryError) as caught:
        microdata.check(flat({"type": kind}), path)
    assert "people." in str(caught.value) and "Secret" not in str(caught.value)


def test_zip_archives_that_are_no_delivery(people, home, tmp_path, monkeypatch):
    subject = contract({"type": "csv", "compression": "zip"})
    archive = tmp_path / "people.zip"

    def refused(message):
        with pytest.raises(DeliveryError, match=message):
            microdata.check(subject, archive)

    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("household.csv", b"0" * (60 << 20))
    refused("refused as a zip bomb")
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("household.csv", "ea,hh,toilet,weight\n1,1,1,1\n")
    refused(r"no file of record 'person' \(person.\*\) among people.zip/household.csv")
    archive.write_bytes(archive.read_bytes()[:-30])
    refused("damaged, truncated or encrypted")
    with zipfile.ZipFile(archive, "w") as out:
        for folder in "ab":
            out.writestr(f"{folder}/household.csv", "ea\n")
    refused("two files are called 'household.csv'")
    monkeypatch.setenv("STATLOOM_MAXIMUM_BYTES", "1000")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("household.csv", "ea\n" * 500)
    refused("more than the limit of 1,000")


def test_text_where_the_contract_says_a_number(people, home, tmp_path):
    households, persons = people
    frame = persons.merge(households, on=["ea", "hh"]).astype({"income": object})
    frame.loc[7, "income"] = "Rs 500"
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    with pytest.raises(DeliveryError, match=r"census: people.csv, row 9, column income: is not a number$"):
        microdata.check(flat({"type": "csv"}), path)


@pytest.mark.parametrize("kind", ["csv", "excel"])
def test_a_file_without_a_header_shows_nobody(kind, people, home, tmp_path):
    households, persons = people
    frame = persons.merge(households, on=["ea", "hh"])
    path = tmp_path / f"people.{SUFFIX[kind]}"
    if kind == "csv":
        frame.to_csv(path, index=False, header=False)
    else:
        frame.to_excel(path, index=False, header=False)
    for twice in (False, True):
        if twice:
            frame = frame.assign(name="Secret 1", ea="Secret 1")
            written(frame.rename(columns=dict(zip(frame, map(str, frame.iloc[0]), strict=True))), path, kind)
        with pytest.raises(DeliveryError) as caught:
            microdata.check(flat({"type": kind}, columns=with_codes(FLAT)), path)
        assert "header" in str(caught.value) and "Secret" not in str(caught.value)


def test_names_of_another_case_are_the_same(people, home, tmp_path):
    households, persons = people
    frame = (
        persons.merge(households, on=["ea", "hh"]).rename(columns=str.upper).rename(columns={"INCOME": "V12"})
    )
    path = written(frame, tmp_path / "people.csv", "csv")
    subject = flat({"type": "csv", "rename": {"v12": "income"}}, columns=with_codes(FLAT))
    assert microdata.check(subject, path).taken.profile.records[0].rows == 120


def test_known_defects_are_held_out_and_not_judged(people, home, tmp_path):
    households, persons = people
    frame = persons.merge(households, on=["ea", "hh"])
    frame.loc[[4, 9], "sex"] = 3
    archive = tmp_path / "people.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("people.csv", frame.to_csv(index=False))

    def read(rows):
        defects = [{"where": "sex = '3'", "reason": "a third code by mistake", "expect_rows": rows}]
        form = {"type": "csv", "compression": "zip"}
        return microdata.check(flat(form, columns=with_codes(FLAT), defects=defects), archive)

    reading = read(2)
    assert [(row.row_number, row.stage, row.content) for row in reading.quarantined] == [
        (6, "defect", {}),
        (11, "defect", {}),
    ]
    assert reading.taken.profile.records[0].rows == 118
    assert all(column.out_of_code_list.rows == 0 for column in reading.taken.profile.columns)
    guarded = read(3)
    assert any("known defect not applied: 2 rows match" in note for note in guarded.notes)
    (sex,) = (column for column in guarded.taken.profile.columns if column.column == "sex")
    assert (sex.out_of_code_list.rows, sex.out_of_code_list.first_row) == (2, 6)
