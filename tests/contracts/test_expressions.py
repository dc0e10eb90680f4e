"""Expressions of contracts: what is allowed means the same in both engines; nothing else gets through."""

import duckdb
import pytest

from statloom.contracts.expressions import FUNCTIONS, ExpressionError, Scope, parse

SCOPE = Scope(
    {"age": "integer", "sex": "text", "income": "number", "born": "date", "literate": "boolean"},
    dropped=frozenset({"full_name"}),
    elsewhere=frozenset({"line_number"}),
)

ALLOWED = [
    ("age >= 15", "condition", True),
    ("sex = 'F' AND age BETWEEN 15 AND 49", "condition", True),
    ("NOT literate", "condition", False),
    ("literate IS TRUE and sex is not null", "condition", True),
    ("age IN (36, 37)", "condition", True),
    ("age NOT IN (1, 2)", "condition", True),
    ("sex LIKE 'F%'", "condition", True),
    ("born < DATE '1990-01-01'", "condition", True),
    ("age = 37.0", "condition", True),
    ("income > 1e3", "condition", True),
    ("age // 5", "integer", 7),
    ("floor(age / 10) * 10", "integer", 30),
    ("ceil(income)", "integer", 1201),
    ("age % 5", "integer", 2),
    ("age / 0", "number", None),
    ("age // 0", "integer", None),
    ("- age + 1", "integer", -36),
    ("AGE * 100000000", "integer", 3_700_000_000),
    ("income / 2", "number", 600.25),
    ("coalesce(nullif(age, 37), 5)", "integer", 5),
    ("least(age, 5)", "integer", 5),
    ("greatest(age, 99.5)", "number", 99.5),
    ("abs(1 - age)", "integer", 36),
    ("if(literate, 1, 0)", "integer", 1),
    ("literate::integer", "integer", 1),
    ("CASE WHEN age < 15 THEN 'child' WHEN age < 65 THEN 'adult' ELSE 'old' END", "text", "adult"),
    ("case sex when 'F' then 1 when 'M' then 2 end", "integer", 1),
    ("substring(sex || 'emale', 1, 3)", "text", "Fem"),
    ("age::text", "text", "37"),
    ("trim(' a ')", "text", "a"),
    ("'it''s; -- \\n /* no */'", "text", "it's; -- \\n /* no */"),
    ("'छोरी'", "text", "छोरी"),
    ("year(born) - 1", "integer", 1983),
    ("month(born)", "integer", 5),
    ("length(sex)", "integer", 1),
    ('"age" > 1', "condition", True),
    (1, "integer", 1),
    (True, "condition", True),
]


@pytest.mark.parametrize(("text", "kind", "value"), ALLOWED, ids=str)
def test_allowed_expressions_have_a_kind_and_a_value(text, kind, value):
    expression = parse(text, SCOPE)
    assert expression.kind == kind
    with duckdb.connect() as connection:
        connection.execute(
            "create table t as select 37::tinyint age, 'F' sex, 1200.5 income,"
            " date '1984-05-06' born, true literate"
        )
        assert connection.execute(f"select {expression.tree.sql('duckdb')} from t").fetchone() == (value,)


def test_columns_are_those_that_are_read():
    assert parse("AGE > 1 and sex = 'sex'", SCOPE).columns == {"age", "sex"}


def test_texts_are_escaped_for_spark():
    assert parse(r"sex = 'a\'' or 1=1'", Scope({"sex": "text"})).tree.sql("spark") == (
        "`sex` = 'a\\\\\\' or 1=1'"
    )


REFUSED = [
    # A way out of the expression.
    ("age > 1; drop table units", "';' begins a second statement"),
    ("age > 1;", "';' begins a second statement"),
    ("age > 1) from units; copy units to 'x' --", "second statement"),
    ("1) or (1 = 1", "not an SQL expression"),
    ("age > 1 union select 1", "subquery"),
    ("select 1", "subquery"),
    ("(select max(age) from units)", "subquery"),
    ("age in (select 1)", "subquery"),
    ("exists(select 1)", "subquery"),
    ("age = any(select 1)", "subquery"),
    ("copy units to 'x'", "not allowed|not an SQL"),
    ("attach 'x.db'", "not allowed"),
    ("pragma database_list", "not allowed"),
    ("set threads = 1", "not allowed"),
    ("install httpfs", "not allowed|not an SQL"),
    ("age > 15 limit 1", "not an SQL expression"),
    ("age as years", "not allowed"),
    ("age, sex", "not an SQL expression"),
    ("(age, sex)", "not allowed"),
    ("*", "not allowed"),
    ("columns('a.*')", "not allowed"),
    ("?", "not allowed"),
    ("$1", "only columns"),
    # What hides from a reader.
    ("age > 1 -- and sex = 'F'", "comments"),
    ("age > 1 /* and sex = 'F' */", "comments"),
    ("age > 1 # x", "comments"),
    ("sex = 'a", "quotation mark"),
    ("sex = E'\\x41'", "only columns"),
    ("$$a$$ = sex", "only columns"),
    ("age > 1 \u202e", "invisible"),
    ("sex = 'a\u202e'", "invisible"),
    ("age\u200b > 1", "invisible"),
    ("age\x00 > 1", "invisible"),
    ("(" * 300 + "age" + ")" * 300, "nested"),
    (" or ".join(["age = 1"] * 900), "nested"),
    ("age in (" + ", ".join(["1"] * 9000) + ")", "longer"),
    # Functions.
    ("read_csv('/etc/passwd')", "read_csv"),
    ("read_text('/etc/passwd') = 'x'", "read_text"),
    ("glob('*')", "glob"),
    ("getenv('HOME')", "getenv"),
    ("current_setting('temp_directory')", "current_setting"),
    ("pg_sleep(9)", "pg_sleep"),
    ("nextval('s')", "nextval"),
    ("random() < 0.5", "not allowed"),
    ("now()", "now"),
    ("current_user", "current_user"),
    ("regexp_matches(sex, 'F')", "not allowed"),
    ("upper(sex)", "upper"),
    ("round(income)", "round"),
    ("reflect('java.lang.System', 'exit', 1)", "reflect"),
    ("java_method('a', 'b')", "java_method"),
    # Not for one unit, or not additive.
    ("sum(age) over ()", "window"),
    ("row_number() over (order by age)", "window"),
    ("lag(age) over (order by age)", "window"),
    ("count(*) filter (where age > 1)", "window functions|one unit"),
    ("sum(age)", "one unit"),
    ("avg(age)", "one unit"),
    ("count(distinct age)", "not additive"),
    ("median(age)", "not additive"),
    ("quantile_cont(age, 0.5)", "not additive"),
    ("mode(age)", "not additive"),
    ("approx_count_distinct(age)", "not additive"),
    # Columns.
    ("agee > 1", "unknown column 'agee'; did you mean 'age'"),
    ("full_name = 'x'", "'full_name' is dropped"),
    ("line_number = 1", "'line_number' belongs to another record"),
    ("person.age > 1", "without its record"),
    ("a.b.c.age > 1", "not allowed"),
    ("rowid = 1", "unknown column"),
    # Types.
    ("sex = 1", "compares"),
    ("sex > age", "compares"),
    ("born > '2000-01-01'", "compares"),
    ("age + sex", "a number is needed"),
    ("age and literate", "a condition is needed"),
    ("literate > true", "no order"),
    ("age = null", "IS NULL"),
    ("age in (1, null)", "IS NULL"),
    ("null", "no type"),
    ("coalesce(age, 'x')", "one kind"),
    ("case when age then 1 end", "a condition is needed"),
    ("sex::integer", "cast"),
    ("income::integer", r"floor\(\)"),
    ("try_cast(sex as integer)", "not allowed"),
    ("age::date", "cast"),
    ("sex::blob", "cast"),
    ("cast(age as struct(a integer))", "cast"),
    ("cast(age as decimal(38, 10))", "cast"),
    ("sex::json", "cast"),
    ("date 'today'", "not a date"),
    ("interval 1 day", "not allowed"),
    ("sex ilike 'f'", "not allowed"),
    ("sex like 'f' escape 'x'", "not allowed"),
    ("sex similar to 'f'", "not allowed"),
    ("sex collate nocase = 'f'", "not allowed"),
    ("substring(sex, 0, 2)", "from 1"),
    ("substring(sex, age, 2)", "as numbers"),
    ("age[1]", "only columns"),
    ("{'a': 1}", "only columns"),
    ("[x for x in [1]]", "only columns"),
    ("x -> x + 1", "only columns"),
    ("income % 2", "whole numbers"),
    ("99999999999999999999 > age", "not a number"),
    ("1e999 > age", "not a number"),
    ("least(age)", "at least two"),
    ("", "needed"),
    (None, "needed"),
    (["age"], "needed"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=lambda value: str(value)[:40])
def test_everything_else_is_refused(text, reason):
    with pytest.raises(ExpressionError, match=reason):
        parse(text, SCOPE)


def test_each_named_function_is_allowed():
    arguments = {
        **dict.fromkeys(("abs", "ceil", "floor"), "(income)"),
        **dict.fromkeys(("coalesce", "greatest", "least", "nullif"), "(age, 1)"),
        **dict.fromkeys(("length", "trim"), "(sex)"),
        **dict.fromkeys(("year", "month"), "(born)"),
        "if": "(literate, 1, 2)",
        "substring": "(sex, 1, 1)",
    }
    assert set(arguments) == set(FUNCTIONS)
    for name in FUNCTIONS:
        parse(name + arguments[name], SCOPE)
