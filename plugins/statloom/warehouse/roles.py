"""The roles of the warehouse and what each may do; nothing else grants anything."""

from dataclasses import dataclass

from psycopg import Connection, sql

ENGINEER = "statloom_engineer"
AIRFLOW = "statloom_airflow"


@dataclass(frozen=True)
class Reader:
    """A login that reads one schema and writes nothing."""

    login: str
    schema: str
    statement_timeout: str


READERS = (
    Reader("statloom_analyst", "marts", "30min"),
    Reader("statloom_portal", "open_data", "1min"),
    Reader("statloom_monitor", "quality", "1min"),
)


def logins() -> tuple[str, ...]:
    """Return every role that the set-up makes."""
    return (ENGINEER, *(reader.login for reader in READERS), AIRFLOW)


def exists(connection: Connection, login: str) -> bool:
    """Say whether the server has role ``login``."""
    return connection.execute("select 1 from pg_roles where rolname = %s", (login,)).fetchone() is not None


def make_login(connection: Connection, login: str, password: str) -> None:
    """Make role ``login`` or give it ``password``; it may log in, and nothing else. Needs the right
    CREATEROLE.
    """
    verb = "alter" if exists(connection, login) else "create"
    connection.execute(
        sql.SQL(
            "{} role {} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password {}"
        ).format(sql.SQL(verb), sql.Identifier(login), sql.Literal(_verifier(connection, login, password)))
    )


def _verifier(connection: Connection, login: str, password: str) -> str:
    """The SCRAM verifier of ``password``, so that the password itself is in no statement that the server may
    log.
    """
    return connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()


def set_reader_defaults(connection: Connection, reader: Reader) -> None:
    """Give ``reader`` its session defaults: read only, its schema first, no endless statements or
    transactions.
    """
    defaults = {
        "default_transaction_read_only": "on",
        "search_path": reader.schema,
        "statement_timeout": reader.statement_timeout,
        "idle_in_transaction_session_timeout": "1h",
    }
    for name, value in defaults.items():
        connection.execute(
            sql.SQL("alter role {} set {} = {}").format(
                sql.Identifier(reader.login), sql.Identifier(name), sql.Literal(value)
            )
        )


def restrict_database(connection: Connection, database: str, logins: tuple[str, ...]) -> None:
    """Let only ``logins`` and the owner into ``database``. Needs to be its owner."""
    connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(database)))
    for login in logins:
        connection.execute(
            sql.SQL("grant connect on database {} to {}").format(
                sql.Identifier(database), sql.Identifier(login)
            )
        )


def grant_reading(connection: Connection, login: str, schema: str) -> None:
    """Let ``login`` read what is in ``schema`` and what the current role will make there. Needs its owner."""
    names = {"schema": sql.Identifier(schema), "login": sql.Identifier(login)}
    for statement in (
        "grant usage on schema {schema} to {login}",
        "grant select on all tables in schema {schema} to {login}",
        "alter default privileges in schema {schema} grant select on tables to {login}",
    ):
        connection.execute(sql.SQL(statement).format(**names))
