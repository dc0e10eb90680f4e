"""Queries on real databases: PostgreSQL and SQLite."""

import sqlite3
from urllib.parse import quote

import pytest
from sqlalchemy import text

from statloom import connectors
from statloom.connectors.database import query_problem
from statloom.errors import StatloomError
from tests.landing.conftest import make_contract

QUERY = "select level, code, toilet, total from figures order by 1, 2, 3"


def fetch(uri, folder, query=QUERY, **more):
    given = {"type": "database", "connection": "emis", "query": query} | more
    return connectors.fetch(make_contract(connector=given), lambda _: uri, folder)


@pytest.fixture
def postgres(database):
    with database.engine.begin() as connection:
        connection.execute(
            text("create table public.figures (level text, code text, toilet text, total int)")
        )
        connection.execute(
            text(
                "insert into figures values"
                " ('country','NP','NONE',5), ('country','NP','FLUSH',null), ('d','','x',1)"
            )
        )
    return database


def uri_of(database, password=None):
    url = database.url()
    secret = quote(password or url.password, safe="")
    return f"postgres://{url.username}:{secret}@{url.host}:{url.port}/{url.database}"


@pytest.mark.database
def test_the_same_rows_give_the_same_bytes(postgres, tmp_path):
    payload = fetch(uri_of(postgres), tmp_path)
    assert payload.parts[0].path.read_text() == (
        'level,code,toilet,total\ncountry,NP,FLUSH,\ncountry,NP,NONE,5\nd,"",x,1\n'
    )
    assert postgres.url().password not in payload.fetched_from
    again = tmp_path / "again"
    again.mkdir()
    assert fetch(uri_of(postgres), again).parts[0].path.read_bytes() == payload.parts[0].path.read_bytes()


@pytest.mark.database
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select level from figures order by nothing", "the query is not valid: .*nothing"),
        ("select 1 as x from pg_sleep(30) order by 1", "took longer than the contract allows"),
        (
            "with gone as (delete from figures returning *) select * from gone order by 1",
            "not allowed|not valid",
        ),
        ("select nextval('landing.fetch_fetch_id_seq') as x order by 1", "not allowed to this login"),
    ],
)
def test_queries_that_fail_or_would_write(postgres, tmp_path, query, message):
    with pytest.raises(StatloomError, match=message):
        fetch(uri_of(postgres), tmp_path, query, timeout_seconds=0.3)
    with postgres.engine.connect() as connection:
        assert connection.scalar(text("select count(*) from figures")) == 3


@pytest.mark.database
def test_a_wrong_password_is_not_shown(postgres, tmp_path):
    with pytest.raises(StatloomError) as caught:
        fetch(uri_of(postgres, "wr0ng/pass"), tmp_path)
    assert "refuses the login" in str(caught.value)
    assert "wr0ng" not in str(caught.value)


def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(StatloomError, match="cannot be reached or stopped"):
        fetch("postgresql://u:s3cret@127.0.0.1:1/x", tmp_path)


def test_a_driver_that_is_not_there(tmp_path):
    with pytest.raises(StatloomError, match="no driver for mysql"):
        fetch("mysql://u:p@127.0.0.1/x", tmp_path)


def test_sqlite_is_opened_read_only(tmp_path):
    path = tmp_path / "figures.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table figures (level text, code text, toilet text, total real)")
        connection.execute("insert into figures values ('country', 'NP', 'a \"b\", c', 0.1)")
    payload = fetch(f"sqlite:///{path}", tmp_path)
    assert payload.parts[0].path.read_text() == 'level,code,toilet,total\ncountry,NP,"a ""b"", c",0.1\n'
    with pytest.raises(StatloomError, match="cannot be reached"):
        fetch(f"sqlite:///{tmp_path}/nothing.db", tmp_path)
    assert not (tmp_path / "nothing.db").exists()


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("select 1 order by 1", None),
        ("WITH a AS (select 1 as x) SELECT * FROM a ORDER  BY x;", None),
        ("select 1", "needs an ORDER BY"),
        ("select * from (select 1 as x order by x) a", "needs an ORDER BY"),
        ("select 'order by' as x", "needs an ORDER BY"),
        ("select 1 -- order by 1", "needs an ORDER BY"),
        ("select 1 order by 1; drop table x", "must be one statement"),
        ("delete from x", "must be a SELECT"),
    ],
)
def test_queries(query, problem):
    found = query_problem(query)
    assert found is None if problem is None else problem in found
