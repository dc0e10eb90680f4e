"""What may be declared of a public-use file, and what is refused with file, line and reason."""

import copy

import pytest

from statloom.contracts.registration import as_json
from statloom.errors import ContractError
from tests.microdata.public_use import survey


def refused(tmp_path, **changes) -> str:
    with pytest.raises(ContractError) as error:
        survey.written(tmp_path, survey.declaration(**changes))
    return str(error.value)


def test_what_is_declared(tmp_path):
    found = survey.written(
        tmp_path, survey.declaration(subsets={2: 5}, edition=2, reason="others")
    ).public_use
    assert (found.weight, found.weight_round, found.k, found.edition) == ("weight", 10, 3, 2)
    assert found.recode["age"].width == 10
    assert dict(found.subsets) == {"2": 5}
    assert found.maximum_global_risk == 0.03
    assert found.listed == ("province", "area", "sex", "age", "illness", "literate", "consumption")


def test_it_is_registered_as_it_is(tmp_path):
    assert '"public_use": {"licence": "CC-BY-4.0"' in as_json(survey.written(tmp_path, survey.declaration()))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("name", "'name' is a personal identifier, and never goes out"),
        ("phone", "'phone' is a personal identifier, and never goes out, hashed or not"),
        ("household_id", "'household_id' is a number that identifies rows in the source's own files"),
        ("line", "'line' is a number that identifies rows"),
        ("psu", "'psu' is the sampling unit, which stands for a small place"),
        ("weight", "'weight' is the weight; name it in 'weight'"),
        ("remark", "'remark' is free text: it has neither 'categories' nor 'codes'"),
        ("district", "'district' is a district, finer than the place level province that may go out"),
        ("ilness", "no column 'ilness'; did you mean 'illness'?"),
        ("sex", "'sex' is a key variable already"),
    ],
)
def test_what_never_goes_out(tmp_path, name, reason):
    said = refused(tmp_path, variables=["literate", name])
    assert reason in said
    path = tmp_path / "survey_2021.yml"
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if text.strip() == f"- {name}")
    assert "survey_2021.yml, line " in said and "public_use.variables[1]" in said
    assert line > 1


def test_the_line_is_that_of_the_variable(tmp_path):
    said = refused(tmp_path, keys=["province", "area", "name"], recode=None, variables=["literate"])
    lines = (tmp_path / "survey_2021.yml").read_text().splitlines()
    start = next(i for i, text in enumerate(lines) if text.strip() == "keys:" and text.startswith("  keys"))
    line = start + 4
    assert lines[line - 1].strip() == "- name"
    assert f"line {line}, public_use.keys[2]: 'name' is a personal identifier" in said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recode": {"age": {"width": 10}}}, "'consumption' is a number with decimals"),
        ({"keys": ["sex", "consumption"], "variables": None, "recode": {"consumption": {"round": 100}}},
         "only bands ('width') can be frequent"),
        ({"weight": None}, "'weight' is missing: the rows have one"),
        ({"weight": "age"}, "column 'age' is no weight"),
        ({"largest_household": None}, "'largest_household' is missing"),
        ({"place_level": None}, "'place_level' must say how fine places may be"),
        ({"sensitive": None}, "'sensitive' is missing"),
        ({"l": None}, "'l' is missing"),
        ({"l": {"distinct": 2, "c": 3}}, "only recursive l-diversity has a c"),
        ({"edition": 2}, "'reason' is missing: two editions side by side can be intersected"),
        ({"subsets": {4: 9}}, "there are only 4 keys"),
        ({"k": 1}, "public_use.k: 1 is less than the minimum of 2"),
        ({"record": "persons"}, "no record 'persons'; did you mean 'person'?"),
        ({"household": "household_id"}, "'person' belongs to 'household': that is its household"),
        ({"household_variables": ["area"]}, "there is no 'household'"),
        ({"licence": None}, "'licence' is missing"),
        ({"terms": {"ne": "क"}}, "'en' is missing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together(tmp_path, changes, reason):
    assert reason in refused(tmp_path, **changes)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"sex": {"width": 5}}, "only a number has a width"),
        ({"age": {"groups": {"Old": ["90"]}}}, "a number has no categories"),
        ({"age": {"width": 5, "round": 5}}, "either bands ('width') or rounded numbers"),
        ({"age": {"width": 5, "bottom": 70, "top": 60}}, "the bottom is not below the top"),
        ({"age": {"top": 60, "missing": "Unknown"}}, "has no category for what is missing"),
        ({"illness": {"groups": {"Yes": ["Some", "Severe"]}}}, "'Severe' is not a category"),
        (
            {"illness": {"groups": {"Yes": ["Some", "Grave"], "No": ["None", "Some"]}}},
            "'Some' is in two groups",
        ),
        ({"psu": {"width": 5}}, "'psu' does not go out"),
    ],
)
def test_recodings_that_do_not_fit(tmp_path, rule, reason):
    assert reason in refused(tmp_path, recode=survey.SURVEY["public_use"]["recode"] | rule)


def test_only_microdata_have_one(tmp_path):
    data = copy.deepcopy(survey.SURVEY)
    for name in ("estimation", "records"):
        del data[name]
    with pytest.raises(ContractError, match=r"only microdata .* have a public-use file"):
        survey.written(tmp_path, data)
