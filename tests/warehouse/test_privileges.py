"""The rights in a real database are those declared, object by object; what differs is found and named."""

import psycopg
import pytest

from statloom.publication import publish
from statloom.release import columns
from statloom.settings import PROJECT
from statloom.warehouse import privileges, roles, setup
from tests.publication.marts import build_observation

pytestmark = pytest.mark.database

LOGINS = ("statloom_engineer", "statloom_analyst", "statloom_portal", "statloom_monitor")


@pytest.fixture
def filled(database):
    """A warehouse with a published mart, a source's raw table and its staging view."""
    build_observation(database.engine)
    publish(database.engine, run_id="test", code_version="abc")
    with opened(database) as connection:
        connection.execute("create schema staging")
        connection.execute("create table raw.census (total int, name_of_the_head text)")
        connection.execute("create view staging.stg_census as select * from raw.census")
        connection.execute("create table quality.row_account (source_id text)")
    return database


def opened(database, login="statloom_engineer"):
    url = database.server.url(login, database.name).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def superuser(database):
    return opened(database, "statloom_admin")


def differences(database, **options):
    with opened(database) as connection:
        return privileges.differences(connection, **options)


def test_the_rights_are_those_declared(filled):
    assert differences(filled) == []


PLANTED = {
    "create table marts.new_mart (a int)": "marts.new_mart is not declared",
    "create schema new; create table new.thing (a int)": "schema new (of thing) is not declared",
    "grant select on landing.delivery to statloom_analyst": (
        "statloom_analyst may SELECT on relation landing.delivery, which is not declared"
    ),
    "grant update (total) on raw.census to statloom_portal": (
        "statloom_portal may UPDATE on column raw.census.total, which is not declared"
    ),
    "grant usage on schema raw to public": "public may USAGE on schema raw, which is not declared",
    "grant insert on marts.observation to statloom_analyst": (
        "statloom_analyst may INSERT on relation marts.observation, which is not declared"
    ),
    "revoke select on marts.observation from statloom_analyst": (
        "not: statloom_analyst may SELECT on relation marts.observation, which is declared"
    ),
    "create sequence quality.numbers; grant usage on sequence quality.numbers to public": (
        "public may USAGE on sequence quality.numbers, which is not declared"
    ),
    "create function marts.f() returns int language sql as 'select 1';"
    " grant execute on function marts.f() to statloom_portal": (
        "statloom_portal may EXECUTE on function marts.f(), which is not declared"
    ),
    "create function raw.g() returns int language sql security definer as 'select 1'": (
        "raw.g() runs with its owner's rights without a search_path of its own"
    ),
}


@pytest.mark.parametrize("statement", PLANTED)
def test_what_differs_is_named(filled, statement):
    with opened(filled) as connection:
        connection.execute(statement)
    assert any(PLANTED[statement] in line for line in differences(filled)), differences(filled)


def test_functions_of_the_engineer_are_not_for_everybody(filled):
    with opened(filled) as connection:
        connection.execute("create function marts.later() returns int language sql as 'select 1'")
    assert differences(filled) == []


def test_roles_that_may_too_much_are_named(filled):
    """Roles belong to the whole server: planted in a transaction that is not kept."""
    with superuser(filled) as connection, connection.transaction(force_rollback=True):
        connection.execute("alter role statloom_portal superuser")
        connection.execute("grant pg_read_server_files to statloom_engineer")
        connection.execute("alter table raw.census owner to statloom_analyst")
        found = privileges.differences(connection)
    assert "statloom_portal is superuser" in found
    assert "statloom_engineer is a member of pg_read_server_files" in found
    assert "raw.census belongs to statloom_analyst" in found


def test_what_is_declared_must_be_there_when_all_is_built(filled):
    missing = differences(filled, complete=True)
    assert "marts.place_profile is declared and not there" in missing
    assert not any("marts.observation " in line for line in missing)


FORBIDDEN = [
    "copy (select 1) to program 'id'",
    "copy (select 1) to '/tmp/statloom-out'",
    "copy raw.census from program 'id'",
    "select pg_read_file('/etc/passwd')",
    "select pg_read_binary_file('postgresql.conf')",
    "select pg_ls_dir('.')",
    "select lo_import('/etc/passwd')",
    "select * from pg_authid",
    "select rolpassword from pg_catalog.pg_authid",
    "select * from pg_hba_file_rules",
    "set role statloom_admin",
    "set session authorization statloom_admin",
    "alter system set archive_command = 'id'",
    "alter role statloom_portal superuser",
    "alter role statloom_analyst password 'x'",
    "create role mine",
    "create database mine",
    "create extension dblink",
    "create language plpython3u",
    "create subscription s connection 'host=h' publication p",
    "create event trigger t on ddl_command_end execute function f()",
    "select pg_reload_conf()",
    "select pg_switch_wal()",
    "load '/tmp/evil.so'",
]
ONLY_THE_ENGINEER = [
    "set role statloom_engineer",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select pg_advisory_lock(1937009783)",
    "select pg_try_advisory_xact_lock_shared(1)",
    "create schema mine",
    "create table public.mine (a int)",
    "create temporary table mine (a int)",
    "create view marts.mine as select 1",
    "create function marts.f() returns int language sql as 'select 1'",
    "insert into landing.fetch (source_id) values ('x')",
    "update publication.pointer set publication_id = 9",
    "delete from marts.observation",
    "truncate published.observation",
    "drop view marts.observation",
    "alter view marts.observation rename to other",
    "do $$ begin lock table published.observation; end $$",
    "select * from raw.census",
    "select * from staging.stg_census",
    "select * from candidate.observation",
    "select * from published.observation",
    "select nextval('landing.delivery_delivery_id_seq')",
]


@pytest.mark.parametrize("login", LOGINS)
def test_statements_that_a_role_must_not_have(filled, login):
    """Each is tried for real, out of read-only mode; allowed are only those of the engineer's own work."""
    others = [] if login == "statloom_engineer" else ONLY_THE_ENGINEER
    allowed = []
    with opened(filled, login) as connection:
        connection.execute("set default_transaction_read_only = off")
        for statement in (*FORBIDDEN, *others):
            # One's own password is one's own matter.
            if login in statement and "password" in statement:
                continue
            try:
                connection.execute(statement)
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject) as error:
                if isinstance(error, psycopg.errors.UndefinedObject):
                    assert "extension" in str(error) or "language" in str(error), statement
            except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
                assert "extension" in statement or "language" in statement
            else:
                allowed.append(statement)
        # What it does not own it can grant to nobody, which PostgreSQL says by a warning.
        if login == "statloom_analyst":
            connection.execute("grant select on marts.observation to public")
    assert allowed == []
    assert differences(filled) == []


def test_the_engineer_does_its_work(filled):
    with opened(filled) as connection, connection.transaction(force_rollback=True):
        for statement in (
            "select lo_create(0)",
            "select pg_advisory_xact_lock(5)",
            "select * from raw.census",
        ):
            connection.execute(statement)


def test_the_backups_login_enters_no_database(filled):
    for name in (filled.name, "postgres", "template1", "airflow"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(
                filled.server.url(roles.BACKUP, name)
                .set(drivername="postgresql")
                .render_as_string(hide_password=False)
            )


def test_a_reader_has_its_number_of_connections(filled):
    with opened(filled) as connection:
        limits = dict(
            connection.execute(
                "select rolname, rolconnlimit from pg_roles where rolname like 'statloom%%'"
            ).fetchall()
        )
    assert {reader.login: reader.connections for reader in roles.READERS}.items() <= limits.items()
    assert sum(reader.connections for reader in roles.READERS) <= 70


def test_setting_up_again_takes_away_what_was_granted_to_everybody(filled):
    with opened(filled) as connection:
        connection.execute("grant usage on schema public to public")
        connection.execute("grant execute on all functions in schema publication to public")
        assert privileges.differences(connection)
        roles.leave_nothing_to_everybody(connection)
        setup.grant_readers(connection, database=filled.name)
        assert privileges.differences(connection) == []


def test_figures_under_embargo_do_not_leak_into_errors_of_the_portal(filled):
    """A condition of the reader's own must not see rows that the view leaves out."""
    with filled.engine.begin() as connection:
        columns.prepare_schema(connection)
    with opened(filled) as connection:
        connection.execute(
            "insert into release.release"
            " (release_id, publication_id, status, folder, released_at, visible_from)"
            " values (1, 1, 'released', '1', now(), now()),"
            " (2, 1, 'released', '2', now(), now() + interval '1 day')"
        )
        for release_id, said in ((1, "7"), (2, "embargoed")):
            connection.execute(
                "insert into release.cell (release_id, observation_key, comment) values (%s, %s, %s)",
                (release_id, "12345678-1234-1234-1234-123456789012", said),
            )
        assert privileges.differences(connection) == []
    for condition in ("comment::integer > 0", "(1 / (length(comment) - 9)) is not null"):
        with opened(filled, "statloom_portal") as connection:
            query = f"select comment from open_data.observation where {condition}"
            assert connection.execute(query).fetchall() == [("7",)]
    with opened(filled) as connection:
        connection.execute("alter view open_data.dataset reset (security_barrier)")
        assert privileges.differences(connection) == [
            "open_data.dataset is a view without security_barrier: conditions see what it leaves out"
        ]


def test_the_guide_has_the_declaration():
    assert privileges.as_markdown() in (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
