"""Statements put together from names: every name is quoted, every text escaped."""

import hashlib

from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import DBAPIError

LOCK_NOT_AVAILABLE = "55P03"


def quote(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def names(columns, alias: str = "") -> str:
    """Return ``columns`` as a quoted list separated by commas, each with ``alias.`` before it when given."""
    return ", ".join(f"{alias}.{quote(name)}" if alias else quote(name) for name in columns)


def fitting(name: str, ending: str) -> str:
    """Return ``name`` with ``ending``, shortened where it would be longer than PostgreSQL's 63 bytes."""
    room = 63 - len(ending.encode())
    if len(name.encode()) <= room:
        return name + ending
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: room - 8].decode(errors="ignore") + digest + ending


def literal(value: str | None) -> str:
    """Return ``value`` as an SQL string constant, or ``null``."""
    if value is None:
        return "null"
    escaped = value.replace("'", "''")
    return "E'" + escaped.replace("\\", "\\\\") + "'" if "\\" in value else f"'{escaped}'"


def run(connection: Connection, statement: str) -> CursorResult:
    """Execute ``statement`` as it stands: no placeholders, percent signs and colons are plain characters."""
    return connection.exec_driver_sql(statement.replace("%", "%%"))


def state(error: DBAPIError) -> str | None:
    """Return PostgreSQL's five-character code of ``error``."""
    return getattr(error.orig, "sqlstate", None)
