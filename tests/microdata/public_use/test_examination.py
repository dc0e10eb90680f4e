"""The gate's eyes: faults planted in the tables are found, with what to do about them."""

import numpy as np
import pyarrow as pa
import pytest

from statloom.microdata.public_use import examine, make
from tests.microdata.public_use import survey
from tests.microdata.public_use.test_making import SECRET, failed


@pytest.fixture
def declared():
    return survey.contract()


@pytest.fixture
def tables(home, declared):
    return make(survey.store(declared, *survey.rows()), declared, SECRET).tables


def changed(tables, record: str, **columns) -> dict:
    """Return the tables with columns of ``record`` replaced or added."""
    table = tables[record]
    for name, values in columns.items():
        values = pa.chunked_array([pa.array(values)])
        at = table.column_names.index(name) if name in table.column_names else None
        table = table.append_column(name, values) if at is None else table.set_column(at, name, values)
    return tables | {record: table}


def test_a_unique_person_is_found(declared, tables):
    households, persons = tables["household"], tables["person"]
    # The only woman above 70 in the cities of a province, in a household of one.
    at = np.flatnonzero(households["persons_in_household"].to_numpy() == 1)[0]
    row = np.flatnonzero(persons["household_number"].to_numpy() == at + 1)[0]
    chosen = {"province": households["province"].to_pylist()[at], "area": households["area"].to_pylist()[at]}
    where = [
        number
        for number, province, area in zip(
            *(households[name].to_pylist() for name in ("household_number", "province", "area")), strict=True
        )
        if province in (chosen["province"], None) and area in (chosen["area"], None)
    ]
    near = np.isin(persons["household_number"].to_numpy(), where)
    ages, sexes = persons["age"].to_pylist(), persons["sex"].to_pylist()
    ages = ["20-29" if n and a in ("70+", None) else a for n, a in zip(near, ages, strict=True)]
    sexes = ["Male" if n and s is None else s for n, s in zip(near, sexes, strict=True)]
    ages[row], sexes[row] = "70+", "Female"
    said = failed(declared, changed(tables, "person", age=ages, sex=sexes))
    assert "person: At least 3 rows have the same keys: " in said["k-anonymity"]
    assert "shared by fewer than 3 rows; make coarser " in said["k-anonymity"]


def test_a_rare_household_is_found(declared, tables):
    households = tables["household"]
    # A province that is left out would match the rare one.
    provinces = [province or "1" for province in households["province"].to_pylist()]
    provinces[5] = "7"
    findings, _ = examine(declared, changed(tables, "household", province=provinces))
    rare = [f for f in findings if not f.passed and f.table == "household"]
    assert [f.check for f in rare] == ["k-anonymity"]
    assert "make coarser province (without it: 0 rows)" in rare[0].advice


def test_a_group_of_one_mind_is_found(declared, tables):
    persons = tables["person"]
    groups = [*zip(*(persons[name].to_pylist() for name in ("sex", "age")), strict=True)]
    values = persons["illness"].to_pylist()
    values = ["Grave" if group[1] == "60-69" else value for group, value in zip(groups, values, strict=True)]
    said = failed(declared, changed(tables, "person", illness=values))
    assert set(said) == {"l-diversity"}
    assert "less diverse; the lowest: distinct 1; make coarser " in said["l-diversity"]


def test_a_risk_of_households_above_the_limit_is_found(home, tables):
    measured = examine(survey.contract(), tables)[1].risk
    assert measured.individual < measured.household
    between = (measured.individual + measured.household) / 2
    said = failed(survey.contract(maximum_global_risk=between), tables)
    assert set(said) == {"global risk"}
    assert "The global risk of households is at most" in said["global risk"]
    assert "make coarser" in said["global risk"]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"name": ["Hari"]}, "name is a personal identifier"),
        ({"birthplace": ["x"]}, "birthplace is not declared"),
    ],
)
def test_a_column_too_many_is_found(declared, tables, columns, reason):
    rows = tables["person"].num_rows
    planted = changed(tables, "person", **{name: value * rows for name, value in columns.items()})
    findings, measures = examine(declared, planted)
    assert measures is None
    assert reason in next(f.message for f in findings if not f.passed)


@pytest.mark.parametrize(
    ("record", "column", "value", "reason"),
    [
        (
            "person",
            "literate",
            "Hari Bahadur",
            "1 values are in no list of categories: literate is free text",
        ),
        ("person", "age", "at 43, a priest", "1 values are in no list of categories: age is free text"),
        ("household", "province", "Ward 3, the blue house", "province is free text"),
        ("household", "consumption", 8124.5, "1 numbers are not recoded as declared"),
        ("household", "consumption", 20000, "1 numbers are not recoded as declared"),
        ("household", "weight", 123.456, "1 numbers are not recoded as declared"),
    ],
)
def test_a_value_that_no_list_has_is_found(declared, tables, record, column, value, reason):
    values = tables[record][column].to_pylist()
    values[3] = value
    if isinstance(value, float):
        values = [None if v is None else float(v) for v in values]
    said = failed(declared, changed(tables, record, **{column: values}))
    assert reason in said["categories"]


def test_numbers_that_are_everybodys_own_are_found(declared, tables):
    rows = tables["household"].num_rows
    said = failed(declared, changed(tables, "household", consumption=[1000 + 100 * n for n in range(rows)]))
    assert "not recoded as declared" in said["categories"]
    free = survey.contract(recode={"age": {"width": 10, "top": 70}, "consumption": {"round": 1}})
    said = failed(free, changed(tables, "household", consumption=[*range(1000, 1000 + rows)]))
    assert "it identifies" in said["categories"]


def test_numbers_of_the_source_are_found(declared, tables):
    numbers = [number + 5000 for number in tables["household"]["household_number"].to_pylist()]
    said = failed(declared, changed(tables, "household", household_number=numbers))
    assert "household_number does not run from 1" in said["households"]
    sizes = tables["household"]["persons_in_household"].to_pylist()
    sizes[0] += 1
    said = failed(declared, changed(tables, "household", persons_in_household=sizes))
    assert "1 households have another number of rows" in said["households"]


def test_without_weights_the_file_is_the_population(home):
    data = survey.declaration(weight=None)
    data["columns"]["weight"]["role"] = "measure"
    data["estimation"]["design"] = {"strata": "area"}
    from statloom.contracts.loading import build

    declared = build(data, sha256="x")
    tables = make(survey.store(declared, *survey.rows()), declared, SECRET).tables
    measures = examine(declared, tables)[1]
    assert "weight" not in tables["household"].column_names
    assert measures.risk.individual == measures.risk.participation > 0.01
