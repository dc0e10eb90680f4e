"""Sets the warehouse up: logins, databases, bookkeeping tables, grants. Running it again changes nothing.

The embedded server's superuser ``statloom_admin`` works here and nowhere else. For an external server
(``STATLOOM_DATABASE_URL``, the engineer) ``STATLOOM_ADMIN_DATABASE_URL`` may name a login that can make roles
and databases; without it, what the engineer cannot do is left out and said.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from statloom import processes
from statloom.errors import StatloomError
from statloom.settings import Settings
from statloom.warehouse import passwords, roles, server

DATABASE = "statloom"
AIRFLOW_DATABASE = "airflow"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Database:
    """A database that ``create_database`` made. URLs are libpq's, with the password in them."""

    name: str
    owner_url: str
    reader_url: str | None


def prepare(settings: Settings) -> list[str]:
    """Make the running server ready for the pipeline; return notes on what had to be left out (external
    servers).

    Takes some milliseconds when everything is there. Raises StatloomError when the server does not answer or
    refuses the engineer.
    """
    with processes.lock(settings.run / "setup.lock"):
        if server.external():
            return _prepare_external(settings)
        return _prepare_embedded(settings)


def create_database(
    settings: Settings, name: str, owner_role: str = roles.ENGINEER, *, reader: str | None = None
) -> Database:
    """Make database ``name`` unless it is there, owned by login ``owner_role`` (made when missing).

    ``reader`` is a login, made when missing, that may read every table the owner makes in schema ``public``
    and nothing else, and whose transactions are read only. No other role may connect.
    Raises StatloomError on an external server whose login may not make databases.
    """
    with processes.lock(settings.run / "setup.lock"):
        with _administrator(settings) as connection:
            logins = (owner_role, *((reader,) if reader else ()))
            for login in logins:
                if login not in passwords.load(settings) or not roles.exists(connection, login):
                    roles.make_login(connection, login, passwords.of(settings, login))
            _make_database(connection, name, owner_role)
            roles.restrict_database(connection, name, logins)
            if reader:
                connection.execute(
                    sql.SQL("alter role {} set default_transaction_read_only = on").format(
                        sql.Identifier(reader)
                    )
                )
        owner_url = _login_url(settings, owner_role, name)
        if reader:
            with psycopg.connect(owner_url, autocommit=True) as connection:
                roles.grant_reading(connection, reader, "public")
    return Database(name, owner_url, _login_url(settings, reader, name) if reader else None)


def apply_schema(connection: psycopg.Connection) -> None:
    """Make the bookkeeping schemas and tables of ``schema.sql``, as the engineer."""
    with connection.transaction():
        connection.execute("set local client_min_messages = warning")
        connection.execute((_FOLDER / "schema.sql").read_text())


def grant_readers(connection: psycopg.Connection, *, database: str = DATABASE) -> None:
    """Give each reader role that the server has its one schema; ``connection`` is the owner's."""
    present = [reader for reader in roles.READERS if roles.exists(connection, reader.login)]
    with connection.transaction():
        roles.restrict_database(connection, database, tuple(reader.login for reader in present))
        for reader in present:
            roles.grant_reading(connection, reader.login, reader.schema)
            roles.grant_functions(connection, reader)


def airflow_url(settings: Settings) -> str:
    """Return the URL of Airflow's metadata database: ``STATLOOM_AIRFLOW_DATABASE_URL``, else beside the
    warehouse.
    """
    given = os.environ.get("STATLOOM_AIRFLOW_DATABASE_URL")
    return _plain(given) if given else _login_url(settings, roles.AIRFLOW, AIRFLOW_DATABASE)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in ("schema.sql", "roles.py", "setup.py"):
        digest.update((_FOLDER / name).read_bytes())
    return f"set up by Statloom, {digest.hexdigest()[:16]}"


def _prepare_embedded(settings: Settings) -> list[str]:
    mark = _fingerprint()
    known = passwords.load(settings)
    if all(login in known for login in (*roles.logins(), roles.BACKUP)) and _mark(settings) == mark:
        return []
    with _administrator(settings) as connection:
        _make_roles(connection, settings)
        _make_database(connection, DATABASE, roles.ENGINEER)
        _make_database(connection, AIRFLOW_DATABASE, roles.AIRFLOW)
        roles.restrict_database(connection, AIRFLOW_DATABASE, ())
        roles.restrict_database(connection, "postgres", ())
        roles.restrict_database(connection, "template1", ())
    administrator = _login_url(settings, server.ADMINISTRATOR, DATABASE)
    with psycopg.connect(administrator, autocommit=True) as connection, connection.transaction():
        roles.keep_for_the_engineer(connection)
    with psycopg.connect(_login_url(settings, roles.ENGINEER, DATABASE), autocommit=True) as connection:
        apply_schema(connection)
        with connection.transaction():
            roles.leave_nothing_to_everybody(connection)
        grant_readers(connection)
        # The mark is on the database itself: deleting either of files and database cannot leave it wrong.
        connection.execute(
            sql.SQL("comment on database {} is {}").format(sql.Identifier(DATABASE), sql.Literal(mark))
        )
    return []


def _mark(settings: Settings) -> str | None:
    try:
        with psycopg.connect(_login_url(settings, roles.ENGINEER, DATABASE)) as connection:
            row = connection.execute(
                "select shobj_description(oid, 'pg_database') from pg_database"
                " where datname = current_database()"
            ).fetchone()
            return row[0] if row else None
    except psycopg.OperationalError:
        return None


def _prepare_external(settings: Settings) -> list[str]:
    notes = []
    engineer_url = _plain(server.external() or "")
    engineer = psycopg.conninfo.conninfo_to_dict(engineer_url)
    name = engineer.get("dbname") or DATABASE
    if os.environ.get("STATLOOM_ADMIN_DATABASE_URL"):
        with _administrator(settings) as connection:
            _make_roles(connection, settings, engineer=False)
            if engineer.get("user") and not roles.exists(connection, engineer["user"]):
                roles.make_login(connection, engineer["user"], engineer.get("password", ""))
            _make_database(connection, name, engineer.get("user", roles.ENGINEER))
            _make_airflow_database(connection, settings)
    try:
        connection = psycopg.connect(engineer_url, autocommit=True)
    except psycopg.OperationalError as error:
        raise StatloomError(f"STATLOOM_DATABASE_URL: {str(error).strip()}") from None
    with connection:
        missing = [reader.login for reader in roles.READERS if not roles.exists(connection, reader.login)]
        if missing:
            notes.append(
                f"the server has no role {', '.join(missing)}: nobody but the engineer can read the marts "
                "until an administrator makes them; name such a login in STATLOOM_ADMIN_DATABASE_URL "
                "and start again"
            )
        try:
            apply_schema(connection)
        except psycopg.errors.InsufficientPrivilege as error:
            raise StatloomError(
                f"the login of STATLOOM_DATABASE_URL must own database {name!r}, or may create in it: {error}"
            ) from None
        with connection.transaction():
            for reader in roles.READERS:
                if reader.login not in missing:
                    roles.grant_reading(connection, reader.login, reader.schema)
                    roles.grant_functions(connection, reader)
        owner = connection.execute(
            "select pg_has_role(datdba, 'member') from pg_database where datname = current_database()"
        ).fetchone()
        if owner and owner[0]:
            with connection.transaction():
                roles.leave_nothing_to_everybody(connection)
            grant_readers(connection, database=name)
        else:
            notes.append(
                f"database {name!r} belongs to another role: who may connect to it stays as it is there"
            )
    return notes


def _make_airflow_database(connection: psycopg.Connection, settings: Settings) -> None:
    """Make Airflow's database and its owner, unless they shall be on a server that is not this one."""
    wanted = psycopg.conninfo.conninfo_to_dict(_plain(airflow_url(settings)))
    here = psycopg.conninfo.conninfo_to_dict(connection.info.dsn)
    if (wanted.get("host"), wanted.get("port", "5432")) != (here.get("host"), here.get("port", "5432")):
        return
    login, name = wanted.get("user", roles.AIRFLOW), wanted.get("dbname", AIRFLOW_DATABASE)
    if not roles.exists(connection, login) or wanted.get("password") != passwords.of(settings, roles.AIRFLOW):
        roles.make_login(connection, login, wanted.get("password", ""))
    _make_database(connection, name, login)
    roles.restrict_database(connection, name, (login,))


def _make_roles(connection: psycopg.Connection, settings: Settings, *, engineer: bool = True) -> None:
    with connection.transaction():
        for login in roles.logins():
            if engineer or login != roles.ENGINEER:
                roles.make_login(connection, login, passwords.of(settings, login))
        if engineer:
            password = passwords.of(settings, roles.BACKUP)
            roles.make_login(connection, roles.BACKUP, password, copies=True)
        for reader in roles.READERS:
            roles.set_reader_defaults(connection, reader)


def _make_database(connection: psycopg.Connection, name: str, owner: str) -> None:
    found = connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone()
    if found is None:
        statement = sql.SQL("create database {} owner {} encoding 'UTF8' template template0")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))


def _administrator(settings: Settings) -> psycopg.Connection:
    """A connection as administrator, to be closed by its ``with`` block."""
    if server.external():
        url = os.environ.get("STATLOOM_ADMIN_DATABASE_URL") or server.external()
        try:
            return psycopg.connect(_plain(url or ""), autocommit=True)
        except psycopg.OperationalError as error:
            raise StatloomError(f"the external server: {str(error).strip()}") from None
    if server.ADMINISTRATOR not in passwords.load(settings):
        raise StatloomError(
            f"{settings.secrets / 'passwords.json'} has no password of {server.ADMINISTRATOR}, "
            f"but the database is there: bring the file back, or delete {settings.home} to begin anew"
        )
    try:
        return psycopg.connect(_login_url(settings, server.ADMINISTRATOR, "postgres"), autocommit=True)
    except psycopg.OperationalError as error:
        raise StatloomError(f"the embedded server: {str(error).strip()}") from None


def _login_url(settings: Settings, login: str, database: str) -> str:
    """The libpq URL of ``login`` on the server in use."""
    if server.external():
        known = psycopg.conninfo.conninfo_to_dict(_plain(server.external() or ""))
        host, port = known.get("host", ""), known.get("port", "5432")
    else:
        found = processes.read_json(settings.run / "server.json")
        if not found:
            raise StatloomError("the database is not running; start it with 'statloom up'")
        host, port = found["host"], found["port"]
    password = passwords.of(settings, login)
    return f"postgresql://{login}:{password}@{host}:{port}/{database}"


def _plain(url: str) -> str:
    """``url`` without the name of a driver, as libpq wants it. Raises StatloomError when it is none."""
    scheme, _, rest = url.partition("://")
    plain = f"{scheme.partition('+')[0]}://{rest}"
    try:
        psycopg.conninfo.conninfo_to_dict(plain)
    except psycopg.ProgrammingError:
        # What libpq says of it may quote the password.
        raise StatloomError(
            "a database's address (STATLOOM_DATABASE_URL, STATLOOM_ADMIN_DATABASE_URL or"
            " STATLOOM_AIRFLOW_DATABASE_URL) is not postgresql://user:password@host:port/database; blanks and"
            " @ : / % [ in a password are written as %20 %40 %3A %2F %25 %5B"
        ) from None
    return plain
