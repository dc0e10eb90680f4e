"""Each role reads its own schema and nothing else, table by table."""

import json

import psycopg
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from statloom.warehouse import roles, setup

pytestmark = pytest.mark.database

OWN_SCHEMA = {"analyst": "marts", "portal": "open_data", "monitor": "quality"}
# What dbt, publication and release make later, in every schema of the architecture.
LATER_TABLES = {
    "raw.census": "create table raw.census (total int)",
    "staging.stg_census": "create view staging.stg_census as select * from raw.census",
    "harmonised.figure": "create table harmonised.figure (value int)",
    "candidate.observation": "create table candidate.observation (value int)",
    "published.observation": "create table published.observation (value int)",
    "marts.observation": "create view marts.observation as select value from published.observation",
    "marts.place": "create table marts.place (place_id text)",
    "open_data.dataset": "create table open_data.dataset (path text)",
    "quality.row_account": "create table quality.row_account (source_id text)",
}


@pytest.fixture
def filled(database):
    with database.engine.begin() as connection:
        for schema in ("staging", "harmonised", "candidate"):
            connection.execute(text(f"create schema {schema}"))
        for statement in LATER_TABLES.values():
            connection.execute(text(statement))
    return database


def relations(engine):
    inspector = inspect(engine)
    return [
        (schema, name)
        for schema in inspector.get_schema_names()
        if schema not in ("information_schema", "pg_catalog")
        for name in [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
    ]


def refused(engine, statement):
    """Run ``statement``; the reason why the server refused it, or None."""
    with engine.connect() as connection:
        try:
            connection.execute(text(statement))
        except DBAPIError as error:
            return type(error.orig).__name__
    return None


@pytest.mark.parametrize("role", OWN_SCHEMA)
def test_role_reads_its_schema_only(filled, role):
    everything = relations(filled.engine)
    assert len(everything) >= 20
    assert {schema for schema, _ in everything} >= {"landing", "raw", "published", *OWN_SCHEMA.values()}
    answers = {
        (schema, name): refused(filled.engine_for(role), f'select * from "{schema}"."{name}"')
        for schema, name in everything
    }
    wanted = {
        relation: None if relation[0] == OWN_SCHEMA[role] else "InsufficientPrivilege"
        for relation in everything
    }
    assert answers == wanted


@pytest.mark.parametrize("role", OWN_SCHEMA)
def test_role_writes_nothing_even_if_it_leaves_read_only_mode(filled, role):
    own = {"analyst": "marts.place", "portal": "open_data.dataset", "monitor": "quality.row_account"}[role]
    with filled.engine_for(role).connect() as connection:
        assert connection.scalar(text("show default_transaction_read_only")) == "on"
    for statement in (
        f"insert into {own} values ('x')",
        f"delete from {own}",
        f"truncate {own}",
        f"drop table {own}",
        f"create table {OWN_SCHEMA[role]}.mine (a int)",
        "create table public.mine (a int)",
        "create temporary table mine (a int)",
        "create schema mine",
    ):
        assert refused(filled.engine_for(role), statement) in (
            "ReadOnlySqlTransaction",
            "InsufficientPrivilege",
        )
        with filled.engine_for(role).connect() as connection:
            connection.execute(text("set transaction read write"))
            with pytest.raises(DBAPIError) as problem:
                connection.execute(text(statement))
            assert isinstance(problem.value.orig, psycopg.errors.InsufficientPrivilege), statement


def test_engineer_owns_the_warehouse_and_is_no_superuser(filled):
    with filled.engine.connect() as connection:
        row = connection.execute(
            text(
                "select current_user, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
                " from pg_roles where rolname = current_user"
            )
        ).one()
        assert row == ("statloom_engineer", False, False, False, False, False)
        assert connection.scalar(
            text("select pg_get_userbyid(datdba) from pg_database where datname = current_database()")
        ) == ("statloom_engineer")
        assert not connection.scalar(
            text("select pg_has_role('statloom_engineer', 'statloom_admin', 'member')")
        )
    assert refused(filled.engine, "select pg_read_file('/etc/passwd')") == "InsufficientPrivilege"
    assert refused(filled.engine, "copy raw.census from program 'id'") == "InsufficientPrivilege"


def test_roles_cannot_enter_each_others_databases(filled):
    for login in ("statloom_engineer", "statloom_analyst", "statloom_portal", "statloom_monitor"):
        for other in ("airflow", "postgres", "template1"):
            url = filled.server.url(login, other).set(drivername="postgresql")
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(url.render_as_string(hide_password=False))
    url = filled.server.url("statloom_airflow", filled.name).set(drivername="postgresql")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url.render_as_string(hide_password=False))


def test_wrong_password_is_refused(filled):
    here = filled.server
    for password in ("wrong", None):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host=here.host, port=here.port, dbname=filled.name, user="statloom_analyst", password=password
            )


def test_secrets_are_private_and_complete(filled):
    folder = filled.server.settings.secrets
    file = folder / "passwords.json"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    known = json.loads(file.read_text())
    assert set(roles.logins()) <= set(known)
    assert len(set(known.values())) == len(known)
    log = (filled.server.settings.logs / "postgres.log").read_text()
    assert not [login for login, password in known.items() if password in log]


def test_ministry_database_has_a_reader_that_only_reads(postgres_server):
    made = setup.create_database(
        postgres_server.settings, "ministry_of_tests", "ministry_owner", reader="statloom_reader"
    )
    with psycopg.connect(made.owner_url) as connection:
        connection.execute("create table if not exists enrolment (district text, pupils int)")
        connection.execute("insert into enrolment values ('Achham', 12)")
    again = setup.create_database(
        postgres_server.settings, "ministry_of_tests", "ministry_owner", reader="statloom_reader"
    )
    assert again == made
    with psycopg.connect(made.reader_url, autocommit=True) as connection:
        assert connection.execute("select * from enrolment").fetchall() == [("Achham", 12)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("delete from enrolment")
        connection.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from enrolment")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table mine (a int)")
    url = postgres_server.url("statloom_analyst", "ministry_of_tests").set(drivername="postgresql")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url.render_as_string(hide_password=False))
