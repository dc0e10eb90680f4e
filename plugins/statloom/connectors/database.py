"""A query on a database, read only, as CSV that is the same for the same rows."""

import csv
import re
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import sqlalchemy
import sqlalchemy.exc

from statloom.connectors import connections
from statloom.connectors.connections import Connection, Lookup, without_secrets
from statloom.connectors.payload import Part, Payload
from statloom.contracts.model import Contract
from statloom.errors import DeliveryError, StatloomError
from statloom.landing.disk import full_disk_named
from statloom.landing.read.checks import maximum_bytes

CONNECT_SECONDS = 10
QUERY_SECONDS = 60
_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_READ_ONLY = {"mode": "ro", "uri": "true"}
_ROWS = 10_000


def fetch(contract: Contract, lookup: Lookup | None, folder: Path) -> Payload:
    """Run the contract's query in a read-only transaction; write its rows as CSV with a header.

    Raises StatloomError when the database cannot be reached, refuses the login or the query, or takes longer
    than the contract allows.
    """
    settings = contract.connector
    problem = query_problem(settings.query)
    if problem:
        raise StatloomError(f"{contract.source}: the query {problem}")
    connection = connections.find(settings.connection, lookup)
    url = _url(connection, contract.source)
    shown = url.render_as_string(hide_password=True)
    target = folder / f"{contract.source}.csv"
    try:
        engine = _engine(url, settings.timeout_seconds or QUERY_SECONDS)
    except (ImportError, sqlalchemy.exc.NoSuchModuleError) as error:
        raise StatloomError(
            f"{contract.source}: no driver for {url.drivername} is installed ({error})"
        ) from None
    try:
        with full_disk_named(target), engine.connect() as opened:
            if opened.dialect.name == "postgresql":
                _copied(opened, settings.query, target, contract.source)
            else:
                _fetched(opened, settings.query, target, contract.source)
    except sqlalchemy.exc.DBAPIError as error:
        raise StatloomError(f"{contract.source}: {_reason(error, connection)} ({shown})") from None
    finally:
        engine.dispose()
    return Payload((Part(target.name, target, shown),), shown)


def query_problem(query: str) -> str | None:
    """Return why ``query`` is not one SELECT with an ORDER BY of its own, or None."""
    plain = (
        re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", " ", query, flags=re.DOTALL)
        .strip()
        .rstrip(";")
    )
    if ";" in plain:
        return "must be one statement"
    if not re.match(r"(?i)(select|with)\b", plain):
        return "must be a SELECT"
    outer, depth = "", 0
    for character in plain:
        depth += (character == "(") - (character == ")")
        if depth == 0:
            outer += character
    if not re.search(r"(?i)\border\s+by\b", outer):
        return "needs an ORDER BY: without it the same rows may come in another order, as another delivery"
    return None


def _url(connection: Connection, source: str) -> sqlalchemy.URL:
    if connection.kind == "sqlite":
        path = connection.schema or connection.host or ""
        return sqlalchemy.URL.create("sqlite", database=f"file:/{path.lstrip('/')}", query=_READ_ONLY)
    options = {k: v for k, v in connection.extra.items() if isinstance(v, str) and not k.startswith("__")}
    return sqlalchemy.URL.create(
        _DRIVERS.get(connection.kind, connection.kind),
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query=options,
    )


def _engine(url: sqlalchemy.URL, seconds: float) -> sqlalchemy.Engine:
    options: dict = {}
    if url.get_backend_name() == "postgresql":
        given = url.query.get("options", "")
        options["options"] = (
            f"{given} -c default_transaction_read_only=on -c statement_timeout={int(seconds * 1000)}"
            " -c datestyle=ISO -c timezone=UTC -c intervalstyle=iso_8601 -c bytea_output=hex"
        ).strip()
        options["connect_timeout"] = CONNECT_SECONDS
    elif url.get_backend_name() in ("mysql", "mariadb"):
        options |= {"connect_timeout": CONNECT_SECONDS, "read_timeout": int(seconds)}
    return sqlalchemy.create_engine(url, connect_args=options, poolclass=sqlalchemy.NullPool)


def _copied(opened: sqlalchemy.Connection, query: str, target: Path, source: str) -> None:
    """PostgreSQL writes the CSV itself."""
    size = 0
    statement = f"copy ({query.strip().rstrip(';')}\n) to stdout (format csv, header)"
    try:
        cursor = opened.connection.driver_connection.cursor()
        with cursor, target.open("wb") as out, cursor.copy(statement) as rows:
            for chunk in rows:
                size = _counted(size + len(chunk), source)
                out.write(chunk)
    except opened.dialect.dbapi.Error as error:
        raise sqlalchemy.exc.DBAPIError.instance(
            statement, None, error, opened.dialect.dbapi.Error, dialect=opened.dialect
        ) from error
    finally:
        opened.rollback()


def _fetched(opened: sqlalchemy.Connection, query: str, target: Path, source: str) -> None:
    result = opened.execution_options(stream_results=True).exec_driver_sql(query)
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(result.keys())
        while rows := result.fetchmany(_ROWS):
            writer.writerows([_text(value) for value in row] for row in rows)
            _counted(out.tell(), source)
    opened.rollback()


def _counted(size: int, source: str) -> int:
    if size > maximum_bytes():
        raise DeliveryError(
            f"the query gives more than the limit of {maximum_bytes():,} bytes", source=source
        )
    return size


def _text(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _reason(error: sqlalchemy.exc.DBAPIError, connection: Connection) -> str:
    cause = error.orig
    state = getattr(cause, "sqlstate", None) or ""
    text = without_secrets(" ".join(str(cause).split())[:300], *connection.secrets)
    if state.startswith("28") or "password authentication failed" in text:
        return "the database refuses the login: wrong user name or password"
    if state == "57014":
        return "the query took longer than the contract allows"
    if state in ("25006", "42501"):
        return f"the query is not allowed to this login: {text}"
    if state.startswith("42"):
        return f"the query is not valid: {text}"
    return f"the database cannot be reached or stopped: {text}"
