"""The roles of the warehouse and what each may do; nothing else grants anything.

What came of it is compared, table by table, with the declaration in ``privileges.yml``
(``statloom.warehouse.privileges``).
"""

from dataclasses import dataclass

from psycopg import Connection, sql

from statloom.warehouse import server

ENGINEER = "statloom_engineer"
AIRFLOW = "statloom_airflow"
BACKUP = server.COPIER
"""Copies the cluster of the embedded server; it may enter no database."""


@dataclass(frozen=True)
class Reader:
    """A login that reads one schema and writes nothing.

    ``functions``: those of other schemas that views of its schema call. ``connections``: how many it may have
    at a time, so that no reader keeps the others out.
    """

    login: str
    schema: str
    statement_timeout: str
    connections: int
    functions: tuple[str, ...] = ()


READERS = (
    Reader("statloom_analyst", "marts", "30min", 40),
    Reader("statloom_portal", "open_data", "1min", 20),
    Reader("statloom_monitor", "quality", "1min", 10, ("publication.first_cells(text, integer, text[])",)),
)

# What PostgreSQL lets everybody do: write large objects, and take locks that the pipeline waits for.
_EVERYBODYS = r"^(lo_|lowrite$|pg_(try_)?advisory_)"


def logins() -> tuple[str, ...]:
    """Return every role that the set-up makes, on any server."""
    return (ENGINEER, *(reader.login for reader in READERS), AIRFLOW)


def exists(connection: Connection, login: str) -> bool:
    """Say whether the server has role ``login``."""
    return connection.execute("select 1 from pg_roles where rolname = %s", (login,)).fetchone() is not None


def make_login(connection: Connection, login: str, password: str, *, copies: bool = False) -> None:
    """Make role ``login`` or give it ``password``; it may log in, and nothing else, or with ``copies`` copy
    the cluster too. Needs the right CREATEROLE, for ``copies`` a superuser.
    """
    verb = "alter" if exists(connection, login) else "create"
    connection.execute(
        sql.SQL(
            "{} role {} with login nosuperuser nocreatedb nocreaterole {} nobypassrls password {}"
        ).format(
            sql.SQL(verb),
            sql.Identifier(login),
            sql.SQL("replication" if copies else "noreplication"),
            sql.Literal(_verifier(connection, login, password)),
        )
    )


def _verifier(connection: Connection, login: str, password: str) -> str:
    """The SCRAM verifier of ``password``, so that the password itself is in no statement that the server may
    log.
    """
    return connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()


def set_reader_defaults(connection: Connection, reader: Reader) -> None:
    """Give ``reader`` its session defaults: read only, its schema first, no endless statements or
    transactions; and its number of connections.
    """
    connection.execute(
        sql.SQL("alter role {} connection limit {}").format(
            sql.Identifier(reader.login), sql.Literal(reader.connections)
        )
    )
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


def grant_functions(connection: Connection, reader: Reader) -> None:
    """Let ``reader`` call the functions that its views need. Needs their owner."""
    for function in reader.functions:
        connection.execute(
            sql.SQL("grant execute on function {} to {}").format(
                sql.SQL(function), sql.Identifier(reader.login)
            )
        )


def leave_nothing_to_everybody(connection: Connection) -> None:
    """Take from PUBLIC what PostgreSQL gives it: schema public, and functions and types, those that the
    current role has made and those that it will make. Needs the owner of the database.
    """
    connection.execute("revoke all on schema public from public")
    connection.execute("alter default privileges revoke execute on functions from public")
    connection.execute("alter default privileges revoke usage on types from public")
    schemas = connection.execute(
        "select nspname from pg_namespace where pg_has_role(nspowner, 'usage') and nspname !~ '^pg_'"
        " and nspname <> 'information_schema'"
    ).fetchall()
    for (schema,) in schemas:
        connection.execute(
            sql.SQL("revoke execute on all functions in schema {} from public").format(sql.Identifier(schema))
        )


def keep_for_the_engineer(connection: Connection) -> None:
    """Let nobody but the engineer write large objects or take advisory locks. Needs a superuser, in the
    warehouse's database.

    A reader could otherwise fill the disk, or hold the lock for which the pipeline waits.
    """
    functions = connection.execute(
        "select oid::regprocedure::text from pg_proc"
        " where pronamespace = 'pg_catalog'::regnamespace and proname ~ %s"
        # Not those that are a superuser's alone, which read and write the server's files.
        " and has_function_privilege('public', oid, 'execute')",
        (_EVERYBODYS,),
    ).fetchall()
    if not functions:
        return
    listed = sql.SQL(", ".join(function for (function,) in functions))
    connection.execute(sql.SQL("revoke execute on function {} from public").format(listed))
    connection.execute(sql.SQL("grant execute on function {} to {}").format(listed, sql.Identifier(ENGINEER)))
