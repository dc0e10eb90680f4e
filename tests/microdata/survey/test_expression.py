"""The grammar of expressions: what passes means what it says, and nothing else passes."""

import duckdb
import pytest

from statloom.microdata.survey import SurveyError, parse

COLUMNS = ["age", "sex", "household size", "income", "Income2"]


def value_of(text, **row):
    row = {"age": 30, "sex": "F", "household size": 4, "income": 1000.0, "Income2": None, **row}
    names = ", ".join(f'? AS "{name}"' for name in row)
    sql = f"SELECT {parse(text, COLUMNS, 'field').sql} FROM (SELECT {names})"
    return duckdb.connect().execute(sql, list(row.values())).fetchone()[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age", 30),
        ("age >= 15 AND sex = 'F'", True),
        ("not age < 15 or false", True),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("-(age - 40) % 7", -(30 - 40) % 7),
        ("2 - -1", 3),
        ('"household size" * 2', 8),
        ("sex IN ('M', 'F')", True),
        ("sex NOT IN ('M')", True),
        ("age BETWEEN 15 AND 49 AND income > 0", True),
        ("age NOT BETWEEN 15 AND 29", True),
        ("income2 IS NULL", True),
        ("Income2 is not null", False),
        ("CASE WHEN age < 15 THEN 0 WHEN sex = 'F' THEN 2 ELSE 1 END", 2),
        ("CASE sex WHEN 'M' THEN 1 END", None),
        ("coalesce(Income2, income, 0)", 1000),
        ("abs(least(1, -3)) + greatest(1, 2)", 5),
        ("sex = 'it''s'", False),
        ("1.5 * age", 45),
        ("1e3 = .1e4", True),
        ("(age = 30) = TRUE", True),
        (1, 1),
        (True, True),
    ],
)
def test_means_what_it_says(text, expected):
    assert value_of(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("wealth > 1", "unknown column 'wealth'"),
        ("age; DROP TABLE survey", "';' begins a second statement"),
        ("age = 1 -- sex", "comments"),
        ("age /* x */ = 1", "comments"),
        ("age // 2", "'//' are not allowed"),
        ("sqrt(age)", "function 'sqrt' is not allowed"),
        ("read_text('/etc/passwd')", "function 'read_text' is not allowed"),
        ("getenv('HOME') = ''", "function 'getenv' is not allowed"),
        ("(SELECT 1)", "unknown column 'SELECT'"),
        ("age IN (SELECT age FROM survey)", "unknown column 'SELECT'"),
        ("age::text", "not allowed at character 4"),
        ("age = $1", "not allowed at character 7"),
        ("x'41'", "unknown column 'x'"),
        ("sum(age)", "function 'sum' is not allowed"),
        ("abs(age, 1)", "takes 1 argument"),
        ("abs()", "expected, found ')'"),
        ("survey.age", "not allowed at character 7"),
        ("age >", "expected, found 'the end'"),
        ("(age", "')' expected"),
        ("age age", "not allowed here: 'age'"),
        ("CASE WHEN age THEN 1", "'END' expected"),
        ("age BETWEEN 1", "'AND' expected"),
        ("age NOT 5", "IN or BETWEEN expected"),
        ("a" * 3 + '"', "not allowed"),
        ("'open", "not allowed"),
        ("", "an expression is needed"),
        (None, "an expression is needed"),
        (["age"], "an expression is needed"),
        ("(" * 100 + "age" + ")" * 100, "nested more than"),
    ],
)
def test_refuses(text, reason):
    with pytest.raises(SurveyError) as raised:
        parse(text, COLUMNS, "estimand 'x', field where")
    assert str(raised.value).startswith("estimand 'x', field where: ")
    assert reason in str(raised.value)


def test_names_the_columns_it_reads():
    parsed = parse('"household size" > 2 AND INCOME2 IS NULL', COLUMNS, "field")
    assert parsed.columns == {"household size", "Income2"}


def test_columns_that_differ_by_case_only_need_their_own():
    assert parse("a + A", ["a", "A"], "field").columns == {"a", "A"}
    with pytest.raises(SurveyError, match="unknown column 'aB'"):
        parse("aB", ["ab", "AB"], "field")
