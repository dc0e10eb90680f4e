"""The ministry of education's database: its tables, and a login that may read them and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg
from psycopg import sql

FOLDER = Path(__file__).parent / "ministry_of_education"
# In the order in which their foreign keys allow them to be filled.
TABLES = ("education_office", "school_year", "school_type", "teacher_type", "schools", "teachers")
READER = "statloom_reader"


def load(owner_url: str, reader_password: str | None = None, *, reader: str = READER) -> bool:
    """Fill the database of `owner_url` (a libpq URL) with the ministry's tables; say whether that was needed.

    With `reader_password` the login `reader` is made or given that password, and may read the tables; for
    that the owner needs the right CREATEROLE. Everything happens in one transaction. The mark of what was
    loaded is the comment on schema `public`, so a second call with the same files changes no table.
    """
    mark = f"ministry of education, {_fingerprint()}"
    with psycopg.connect(owner_url) as connection:
        connection.execute("set local client_min_messages = warning")
        known = connection.execute(
            "select obj_description('public'::regnamespace, 'pg_namespace')"
        ).fetchone()
        needed = known is None or known[0] != mark
        if needed:
            _fill(connection)
            connection.execute(sql.SQL("comment on schema public is {}").format(sql.Literal(mark)))
        if reader_password is not None:
            _let_read(connection, reader, reader_password)
    return needed


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in ("schema.sql", *(f"{table}.csv" for table in TABLES)):
        digest.update((FOLDER / name).read_bytes())
    return digest.hexdigest()[:16]


def _fill(connection: psycopg.Connection) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, TABLES))
    connection.execute(sql.SQL("drop table if exists {} cascade").format(names))
    connection.execute((FOLDER / "schema.sql").read_text(encoding="utf-8"))
    for table in TABLES:
        statement = sql.SQL("copy {} from stdin (format csv, header match)").format(sql.Identifier(table))
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write((FOLDER / f"{table}.csv").read_bytes())
    connection.execute(sql.SQL("analyze {}").format(names))


def _let_read(connection: psycopg.Connection, reader: str, password: str) -> None:
    found = connection.execute("select 1 from pg_roles where rolname = %s", (reader,)).fetchone()
    verifier = connection.pgconn.encrypt_password(
        password.encode(), reader.encode(), b"scram-sha-256"
    ).decode()
    verb = sql.SQL("create" if found is None else "alter")
    login = sql.Identifier(reader)
    for statement in (
        sql.SQL("{} role {} with login password {}").format(verb, login, sql.Literal(verifier)),
        sql.SQL("alter role {} set default_transaction_read_only = on").format(login),
        sql.SQL("grant usage on schema public to {}").format(login),
        sql.SQL("grant select on all tables in schema public to {}").format(login),
    ):
        connection.execute(statement)
