"""What the tests share: one PostgreSQL server a session, one fresh warehouse a test.

``database`` is a warehouse with roles and bookkeeping tables, as ``statloom.warehouse.setup`` makes it, empty
of data. While a test has it, ``statloom.warehouse.connection`` and ``statloom.settings`` point at it.
"""

import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

os.environ.update(
    GX_ANALYTICS_ENABLED="False",
    DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    DO_NOT_TRACK="1",
    SCARF_ANALYTICS="false",
)

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, Engine, create_engine

from statloom import settings as settings_module
from statloom.settings import Settings
from statloom.warehouse import connection as connection_module
from statloom.warehouse import passwords, server, setup

# The libraries that the tests import are objects by the million, none of them garbage: to look through them
# less often saves a tenth of the processor's time.
gc.set_threshold(100_000, 50, 100)

TEMPLATE = "statloom_template"
# Nothing of a test's server needs to outlive a crash of the machine.
UNSAFE_BUT_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
_numbers = itertools.count(1)


_HERE = settings_module.PROJECT / "tests"
# The longest begin first, so that none of them is left over at the end while the other processes are idle.
_LONGEST = (
    "end_to_end",
    "under_fire",
    "dbt_project",
    "microdata/tabulation/test_spark.py",
    "pipeline/test_held_back.py",
    "services/test_airflow.py",
    "cli/test_up_down.py",
)
# What their session prepares for all their files takes longer than most of them: it is prepared once.
_TOGETHER = ("end_to_end", "dbt_project", "demo")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def position(item: pytest.Item) -> int:
        name = item.path.relative_to(_HERE).as_posix() if item.path.is_relative_to(_HERE) else ""
        return next((n for n, first in enumerate(_LONGEST) if name.startswith(first)), len(_LONGEST))

    items.sort(key=position)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A file's tests stay in one process of pytest-xdist; so do those of the folders of ``_TOGETHER``."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            return next((name for name in _TOGETHER if f"/{name}/" in f"/{file}"), file)

    return Together(config, log)


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test touches the state or the servers of the person who runs the tests."""
    for name in list(os.environ):
        if name.startswith("STATLOOM_") and name != "STATLOOM_POSTGRES_BIN":
            monkeypatch.delenv(name)
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path_factory.getbasetemp() / "no-such-home"))


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder of its own that the account of PostgreSQL can reach; removed after the test."""
    folder = Path(tempfile.mkdtemp(prefix="statloom-test-"))
    folder.chmod(0o711)
    yield folder / "home"
    server.remove(Settings(project=settings_module.PROJECT, home=folder / "home"))
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class PostgresServer:
    """The session's server. ``settings`` are those of its own state folder."""

    settings: Settings
    host: str
    port: int

    def url(self, login: str, database: str) -> URL:
        """The SQLAlchemy URL of ``login`` (its full name) on ``database``."""
        password = passwords.of(self.settings, login)
        return URL.create("postgresql+psycopg", login, password, self.host, self.port, database)

    def administrator(self) -> psycopg.Connection:
        """A connection as superuser, to make and drop databases."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=server.ADMINISTRATOR,
            password=passwords.of(self.settings, server.ADMINISTRATOR),
            dbname="postgres",
            autocommit=True,
        )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server with the warehouse's roles and database ``statloom_template``."""
    outside = os.environ.pop("STATLOOM_DATABASE_URL", None)
    folder = Path(tempfile.mkdtemp(prefix="statloom-tests-"))
    folder.chmod(0o711)
    here = Settings(project=settings_module.PROJECT, home=folder / "home")
    try:
        found = server.ensure_running(here, options=UNSAFE_BUT_FAST)
        setup.prepare(here)
        session = PostgresServer(here, found.host, found.port)
        with session.administrator() as connection:
            connection.execute(
                sql.SQL("alter database statloom rename to {}").format(sql.Identifier(TEMPLATE))
            )
        yield session
    finally:
        server.remove(here)
        shutil.rmtree(folder, ignore_errors=True)
        if outside is not None:
            os.environ["STATLOOM_DATABASE_URL"] = outside


@dataclass
class Warehouse:
    """A fresh warehouse of one test."""

    name: str
    settings: Settings
    server: PostgresServer
    _engines: dict[str, Engine] = field(default_factory=dict)

    def url(self, role: str = "engineer") -> URL:
        """The SQLAlchemy URL for ``role``: engineer, analyst, portal or monitor."""
        return self.server.url(f"statloom_{role}", self.name)

    def engine_for(self, role: str) -> Engine:
        """An engine for ``role``; closed after the test."""
        if role not in self._engines:
            self._engines[role] = create_engine(self.url(role))
        return self._engines[role]

    @property
    def engine(self) -> Engine:
        """The engineer's engine."""
        return self.engine_for("engineer")

    @property
    def home(self) -> Path:
        """The state folder of the test (``settings.home``)."""
        return self.settings.home


@pytest.fixture
def database(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Warehouse]:
    """A fresh warehouse; ``STATLOOM_DATABASE_URL`` and ``STATLOOM_HOME`` lead to it."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    here = Settings(project=settings_module.PROJECT, home=tmp_path / "statloom-home")
    here.secrets.mkdir(parents=True, mode=0o700)
    shutil.copy(postgres_server.settings.secrets / "passwords.json", here.secrets)
    with postgres_server.administrator() as connection:
        connection.execute(
            sql.SQL("create database {} template {} owner statloom_engineer strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
    warehouse = Warehouse(name, here, postgres_server)
    # Rights to connect are not copied from the template.
    with psycopg.connect(
        warehouse.url().set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as connection:
        setup.grant_readers(connection, database=name)
    monkeypatch.setenv("STATLOOM_DATABASE_URL", warehouse.url().render_as_string(hide_password=False))
    monkeypatch.setenv("STATLOOM_HOME", str(here.home))
    assert connection_module.url("analyst").database == name
    yield warehouse
    for engine in warehouse._engines.values():
        engine.dispose()
    with postgres_server.administrator() as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
