"""From YAML to contracts, and every message that a person reads on the way."""

import dataclasses

import pytest

from statloom import contracts
from statloom.contracts.loading import load_file
from statloom.errors import ContractError
from tests.contracts.conftest import CONTRACT


def test_a_contract_has_the_names_of_its_keys(write):
    contract = load_file(write())
    assert contract.title["en"] == "Toilets"
    assert contract.columns["total"].minimum == 0
    assert contract.place.date == "2011-06-22"
    assert contract.series[0].numerator.where == {"toilet": ("NONE",)}
    assert contract.raw_columns == {
        "level": "text",
        "code": "text",
        "toilet": "text",
        "sex": "text",
        "total": "bigint",
    }
    assert contract.first("place_code") == "code" and contract.named("dimension") == ("toilet", "sex")
    with pytest.raises(dataclasses.FrozenInstanceError):
        contract.source = "other"
    with pytest.raises(TypeError):
        contract.columns["new"] = None


def test_dropped_columns_are_not_in_the_raw_table(write):
    contract = load_file(
        write(
            (
                "  total:",
                "  phone: {type: text, role: personal_identifier}\n  note: {role: ignored}\n  total:",
            )
        )
    )
    assert "phone" in contract.columns and "phone" not in contract.raw_columns
    assert "note" not in contract.raw_columns


def test_defaults_of_the_collection_are_inherited_but_columns_are_not(write, tmp_path):
    path = write(
        ("custodian: Office\n", ""), ("licence: MIT\n", ""), ("owner: a@b.example\n", "owner: own\n")
    )
    (tmp_path / "_collection.yml").write_text("custodian: Shared\nlicence: CC-BY-4.0\nowner: shared\n")
    contract = load_file(path)
    assert (contract.custodian, contract.licence, contract.owner) == ("Shared", "CC-BY-4.0", "own")
    before = contract.sha256
    (tmp_path / "_collection.yml").write_text("custodian: Other\nlicence: CC-BY-4.0\n")
    assert load_file(path).sha256 != before
    (tmp_path / "_collection.yml").write_text("custodian: A\nlicence: B\ncolumns: {}\n")
    with pytest.raises(ContractError, match=r"_collection.yml, line 3, columns: not a known key"):
        load_file(path)
    (tmp_path / "_collection.yml").write_text("licence: B\ncustodian: 3\n")
    with pytest.raises(ContractError, match=r"_collection.yml, line 2, custodian: 3 is not a text"):
        load_file(path)


def test_what_a_collection_gives_wrongly_is_named_in_its_file(write, tmp_path):
    path = write(("place: {scheme: S, date: 2011-06-22}\n", ""))
    (tmp_path / "_collection.yml").write_text("# places\nplace: {scheme: S, level: district}\n")
    with pytest.raises(
        ContractError, match=r"_collection.yml, line 2, place.level: given here and by column"
    ):
        load_file(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "type: integer",
            "type: integr",
            "line 18, columns.total.type: 'integr' is not one of text, integer",
        ),
        ("role: measure", "role: mesure", "columns.total.role: 'mesure' is not one of"),
        ("custodian:", "custodien:", "line 3, custodien: not a known key; did you mean 'custodian'?"),
        ("custodian: Office\n", "", "line 1: 'custodian' is missing"),
        (
            "maximum_age_days: 400",
            'maximum_age_days: "400"',
            "line 10, maximum_age_days: '400' is not a whole",
        ),
        ('value: "2011"', "value: 2011", "line 21, period.value: 2011 is not a text (write it in quotes"),
        ("sensitivity: low", "sensitivity: none", "sensitivity: 'none' is not one of low, moderate"),
        ("{type: file, url: toilets.csv}", "{type: ftp, url: x}", "connector.type: 'ftp' is not one of"),
        ("{type: file, url: toilets.csv}", "{type: file, path: x}", "connector.path: not a known key"),
        ("{type: file, url: toilets.csv}", "{type: http}", "connector: 'url' is missing"),
        ("url: toilets.csv", "url: toilets.csv, password: x", "connector.password: not a known key"),
        ('"@daily"', '"now and then"', "schedule: 'now and then' does not have the form"),
        ("{type: csv}", "{type: csv, sheet: A}", "format.sheet: not a known key"),
        ("source: toilets", "source: Toilets", "source: 'Toilets' does not have the form"),
        ("    denominator: {measure: total}\n", "", "series[0]: needs either 'value', or 'numerator' and"),
    ],
)
def test_schema_errors_name_file_line_and_field(write, old, new, message):
    with pytest.raises(ContractError) as caught:
        load_file(write((old, new)))
    assert "toilets.yml, " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "source: toilets",
            "source: other",
            "line 1, source: 'other' differs from the file's name 'toilets'",
        ),
        (
            "key: [level, code,",
            "key: [level, kode,",
            "line 19, key[1]: no column 'kode'; did you mean 'code'?",
        ),
        ("role: place_code", "role: ignored", "key[1]: column 'code' is dropped (ignored)"),
        (", values: {country: country, district: district}", "", None),
        (
            "role: place_level, values: {country: country, district: district}",
            "role: ignored",
            "'level' is missing",
        ),
        ("place: {scheme: S, date: 2011-06-22}", "place: {scheme: S, level: vdc}", "and by column 'level'"),
        ("{type: text, role: place_code}", "{type: integer, role: place_code}", "leading zeros"),
        (
            "{type: integer, role: measure, minimum: 0}",
            "{type: text, role: measure}",
            "must be integer or number",
        ),
        (
            "{measure: total}\n",
            "{measure: totl}\n",
            "line 25, series[0].denominator.measure: no measure 'totl'",
        ),
        (
            "{toilet: [NONE]}",
            "{toilets: [NONE]}",
            "where.toilets: no column 'toilets'; did you mean 'toilet'",
        ),
        ("{toilet: [NONE]}", "{toilet: [NON]}", "'NON' is not a category of toilet; did you mean 'NONE'"),
        ("{toilet: [NONE]}", "{total: ['1']}", "column 'total' is no dimension (its role is measure)"),
        ("codes: {female: F, male: M}", "codes: {female: F}", "no code for 'male' of sex"),
        ("codes: {female: F, male: M}", "codes: {female: F, male: M, x: X}", "'x' is not a category of sex"),
        ("SEX: {column: sex", "SEX: {column: code", "column 'code' is no dimension"),
        ("SEX: {column", "GENDER: {column", "'GENDER' is not one of"),
        ('value: "2011"', 'value: "11"', "period.value: '11' is not a year (as in '2011')"),
        ('value: "2011"', "column: sex", "column 'sex' has the role dimension"),
        (', value: "2011"', "", "period: needs either 'value' or 'column'"),
        (
            "kind: census",
            "kind: census\ndefects: [{where: 'totl > 3', reason: r, expect_rows: 1}]",
            "not valid SQL",
        ),
        (
            "kind: census",
            "kind: census\n"
            "defects: [{where: 'true); copy delivery to ''/tmp/x''; --', reason: r, expect_rows: 1}]",
            "defects[0].where:",
        ),
        ("{type: csv}", "{type: csv, encoding: klingon}", "no encoding 'klingon'"),
        ("{type: csv}", "{type: csv, rename: {X: nowhere}}", "format.rename.X: no column 'nowhere'"),
        ("{type: csv}", "{type: dhis2_data_values}", "belong together"),
        ("minimum: 0", "minimum: 5, maximum: 1", "the minimum is above the maximum"),
        ("kind: census", "kind: survey", None),
        ("role: dimension, categories: [female", "role: stratum, categories: [female", None),
    ],
)
def test_what_does_not_fit_together_is_named(write, old, new, message):
    path = write((old, new))
    if message is None and "stratum" not in new:
        load_file(path)
        return
    with pytest.raises(ContractError) as caught:
        load_file(path)
    assert (message or "is no dimension") in str(caught.value)


def test_all_problems_of_a_file_are_named_at_once(write):
    with pytest.raises(ContractError) as caught:
        load_file(write(("role: measure", "role: mesure"), ("sensitivity: low", "sensitivity: x")))
    assert len(str(caught.value).splitlines()) == 2


def test_one_broken_contract_does_not_hide_the_others(write, tmp_path):
    write()
    write(("source: toilets", "source: broken"), ("kind: census", "kind: guess"), name="broken")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "toilets.yml").write_text(CONTRACT)
    with pytest.raises(ContractError):
        contracts.load_all(tmp_path)
    broken = []
    assert list(contracts.load_all(tmp_path, broken=broken)) == ["toilets"]
    assert sorted("kind: 'guess'" in str(error) for error in broken) == [False, True]
    assert any("another contract of this name" in str(error) for error in broken)


def test_an_unknown_source_is_an_error(tmp_path):
    with pytest.raises(ContractError, match="no contract for source 'nothing'"):
        contracts.load("nothing", tmp_path)


def test_all_contracts_of_the_project_are_valid():
    assert len(contracts.load_all()) >= 20


def test_the_published_schema_is_a_schema_whose_parts_are_described():
    from jsonschema import Draft202012Validator

    from statloom.contracts.validation import schema

    document = schema()
    Draft202012Validator.check_schema(document)
    assert document["additionalProperties"] is False
    assert all(
        "description" in part or "$ref" in part or name in ("tolerance", "disclosure")
        for name, part in document["properties"].items()
    )
