"""What a contract of microdata must say of its records, and what only such a contract may say."""

import copy

import pytest

from statloom.contracts.validation import cross_problems, schema_problems
from tests.microdata.vault.conftest import CENSUS, census_contract

DIMENSION = {"type": "integer", "role": "dimension", "record": "person"}


def problems(change) -> list[str]:
    data = copy.deepcopy(CENSUS)
    change(data)
    return [
        f"{'.'.join(map(str, path))}: {text}"
        for path, text in schema_problems(data) or cross_problems(data, "census")
    ]


def setting(*path, value):
    """Return a change that sets the key at ``path``; None removes it."""

    def change(data):
        for part in path[:-1]:
            data = data[part]
        if value is None:
            del data[path[-1]]
        else:
            data[path[-1]] = value

    return change


def plainly(data):
    """Make the contract one of figures."""
    del data["estimation"]
    data["kind"] = "administrative"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (setting("records", "person", "parent", value="house"), "records.person.parent: no record 'house'"),
        (setting("records", "household", "parent", value="person"), "'household' is its own parent"),
        (setting("records", "person", "parent", value=None), "records.person: 'parent' is missing"),
        (setting("records", "person", "key", value=["line"]), "records.person.key.0: no column 'line'"),
        (setting("records", "household", "key", value=["sex"]), "column 'sex' belongs to record 'person'"),
        (setting("columns", "sex", "record", value=None), "columns.sex: 'record' is missing"),
        (setting("columns", "sex", "record", value="persons"), "no record 'persons'; did you mean 'person'?"),
        (setting("columns", "sex", "pseudonymise", value=True), "only a personal_identifier is"),
        (setting("columns", "sex", "codes", value={"1": "Man"}), "sex.codes.1: 'Man' is not a category"),
        (setting("columns", "age", "codes", value={"1": "Old"}), "only a text has codes"),
        (setting("columns", "sex", "optional", value=True), None),
        (
            setting("columns", "p4_year", value=DIMENSION | {"categories": ["1", "x"]}),
            "columns.p4_year.categories: 'x' is no whole number",
        ),
        (
            setting("columns", "p0_line", "optional", value=True),
            "'p0_line' is optional: it cannot identify a row",
        ),
        (setting("format", "value_sets", value={"sec": "V"}), "no column 'sec'"),
        (setting("estimation", "record", value="persons"), "estimation.record: no record 'persons'"),
        (setting("estimation", "estimands", 1, "record", value="home"), "no record 'home'"),
        (setting("estimation", "estimands", 0, "record", value="household"), "have no column 'age'"),
        (setting("estimation", "design", "weight", value="age"), "has the role measure, not weight"),
        (
            setting("defects", value=[{"where": "true", "reason": "x", "expect_rows": 1}]),
            "one type of record only",
        ),
        (
            setting(
                "format",
                value={"type": "csv", "unpivot": {"columns": {"a": "b"}, "name": "sex", "value": "age"}},
            ),
            "microdata are not unpivoted",
        ),
        (
            setting("format", value={"type": "dhis2_data_values"}),
            "microdata do not come as dhis2_data_values",
        ),
        (setting("records", value=None), "'key' is missing"),
        (plainly, "format.type: only microdata"),
        (plainly, "records: only microdata"),
        (plainly, "connector.beside: only microdata"),
        (plainly, "columns.p1_name.pseudonymise: only microdata"),
        (plainly, "columns.hh.role: only microdata"),
    ],
)
def test_what_does_not_fit_together_is_named(change, message):
    found = problems(change)
    assert found == [] if message is None else any(message in text for text in found), found


def test_what_a_record_has(monkeypatch):
    contract = census_contract()
    assert contract.microdata and contract.lineage("person") == ("person", "household")
    assert contract.whole_key("person") == ("district", "hh", "p0_line")
    assert list(contract.visible("household"))[:3] == ["district", "hh", "toilet"]
    person = contract.visible("person")
    assert list(person)[:2] == ["p0_line", "p1_name"] and "toilet" in person and "h6_phone" not in person
    assert person["p1_name"].vault_type == "text" and not person["p1_name"].kept


def test_one_type_of_record_needs_no_name():
    data = copy.deepcopy(CENSUS)
    for column in data["columns"].values():
        column.pop("record")
    data |= {"records": {"person": {"key": ["hh", "p0_line"]}}, "format": {"type": "csv"}}
    data["estimation"]["estimands"][1].pop("record")
    assert schema_problems(data) + cross_problems(data, "census") == []
