"""What is not exactly understood in a suite is an error with file and line, never a silent pass."""

import dataclasses

import great_expectations as gx
import pytest
import yaml

from statloom import settings
from statloom.errors import GateError
from statloom.quality import suites
from statloom.settings import PROJECT, Settings

HEAD = "suite: marts.birth\n"
CHECK = """  - type: expect_column_values_to_not_be_null
    kwargs: {column: total}
    dimension: structure
    severity: fail
    description: total is never empty
"""


def written(tmp_path, text: str):
    path = tmp_path / "marts" / "birth.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_valid_suite_is_loaded(tmp_path) -> None:
    suite = suites.load(written(tmp_path, HEAD + "owner: a@b\nwarning_budget: 2\nexpectations:\n" + CHECK))
    assert (suite.name, suite.table, suite.warning_budget) == ("marts.birth", "birth", 2)
    assert suite.checks[0].owner == "a@b"
    assert suite.checks[0].column == "total"
    built = suites.build(suite)
    assert built.expectations[0].severity == "critical"
    assert built.expectations[0].meta == {"position": 1, "dimension": "structure", "severity": "fail"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            HEAD + "expectations:\n" + CHECK + CHECK.replace("not_be_null", "not_be_nul"),
            ["line 8", "expectation 2", "not_be_nul'", "did you mean expect_column_values_to_not_be_null"],
        ),
        (
            HEAD + "expectations:\n" + CHECK.replace("severity", "severty"),
            ["severty", "did you mean 'severity'"],
        ),
        (HEAD + "expectations:\n" + CHECK.replace("    severity: fail\n", ""), ["severity", "missing"]),
        (HEAD + "expectations:\n" + CHECK.replace("fail", "fatal"), ["fatal", "fail, warn"]),
        (HEAD + "expectations:\n" + CHECK.replace("structure", "truth"), ["truth", "completeness"]),
        (HEAD + "expectations:\n" + CHECK.replace("column:", "colum:"), ["no argument colum"]),
        (HEAD + "expectations:\n" + CHECK.replace("{column: total}", "{}"), ["column", "required"]),
        (
            HEAD + "expectations:\n" + CHECK.replace("{column: total}", "[total]"),
            ["kwargs must be a mapping"],
        ),
        (HEAD + "expectations:\n" + CHECK + "    severity: warn\n", ["a second time", "line 8"]),
        (HEAD + "expectations: []\n", ["checks nothing"]),
        (HEAD, ["expectations", "missing"]),
        ("", ["mapping"]),
        (HEAD + "expectation:\n" + CHECK, ["unknown key 'expectation'", "did you mean 'expectations'"]),
        ("suite: marts.other\nexpectations:\n" + CHECK, ["marts.other", "marts.birth"]),
        (HEAD + "warning_budget: many\nexpectations:\n" + CHECK, ["warning_budget", "many"]),
        (HEAD + "expectations:\n  - {type: [\n", ["birth.yml"]),
        (
            HEAD
            + "expectations:\n"
            + CHECK.replace("total is never empty", "!!python/object/apply:os.getcwd []"),
            ["birth.yml"],
        ),
    ],
)
def test_an_error_names_what_is_wrong(tmp_path, text, named) -> None:
    with pytest.raises(GateError) as error:
        suites.load(written(tmp_path, text))
    for words in ["birth.yml", *named]:
        assert words in str(error.value)


def test_great_expectations_alone_would_drop_an_unknown_type() -> None:
    """The reason for our own loading: without it this suite would pass with nothing checked."""
    dropped = gx.ExpectationSuite(name="x", expectations=[{"type": "expect_nothing_known", "kwargs": {}}])
    assert not dropped.expectations


def test_a_suite_that_lost_an_expectation_is_an_error(tmp_path) -> None:
    suite = suites.load(written(tmp_path, HEAD + "expectations:\n" + CHECK))
    with pytest.raises(GateError, match="checks nothing"):
        suites.build(dataclasses.replace(suite, checks=()))


def test_all_suites_of_the_project_are_valid() -> None:
    files = sorted((PROJECT / "expectations").rglob("*.yml"))
    checks = [check for path in files for check in suites.load(path).checks]
    assert {path.parent.name for path in files} == {"raw", "marts", "release"}
    assert {check.dimension for check in checks} == set(suites.DIMENSIONS)
    described = [
        (path.stem, c.description, str(c.kwargs)) for path in files for c in suites.load(path).checks
    ]
    assert len(described) == len(set(described)), "an expectation stands twice in a suite"


def test_every_source_of_the_project_has_a_suite() -> None:
    declared = {path.stem for path in (PROJECT / "expectations" / "raw").glob("*.yml")}
    sources = {p.stem for p in (PROJECT / "dags" / "sources").rglob("*.yml") if not p.name.startswith("_")}
    assert sources - declared == set()
    assert declared - sources == set()


def test_every_mart_has_a_suite() -> None:
    models = yaml.safe_load((PROJECT / "dbt_project" / "models" / "marts" / "marts.yml").read_text())[
        "models"
    ]
    marts = {model.get("config", {}).get("alias", model["name"]) for model in models}
    assert marts - {suite.table for suite in suites.find("marts", "marts")} == set()


def test_a_warning_needs_an_owner(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(settings, "load", lambda: Settings(project=tmp_path, home=tmp_path))
    folder = tmp_path / "expectations" / "marts"
    folder.mkdir(parents=True)
    (folder / "birth.yml").write_text(HEAD + "expectations:\n" + CHECK.replace("fail", "warn"))
    with pytest.raises(GateError, match=r"birth.yml, line 3, expectation 1: a warning needs an owner"):
        suites.find("marts", "marts")
    (folder / "birth.yml").write_text(HEAD + "owner: a@b\nexpectations:\n" + CHECK.replace("fail", "warn"))
    assert suites.find("marts", "marts")[0].checks[0].owner == "a@b"
