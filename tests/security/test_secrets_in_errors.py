"""Addresses that are wrong in every way that people write them: no error says the password."""

import traceback

import pytest

from statloom import connectors, settings
from statloom.cli import status
from statloom.connectors import connections
from statloom.errors import StatloomError
from statloom.services import airflow
from statloom.warehouse import connection, server, setup
from tests.landing.conftest import make_contract

SECRET = "Pl4nted-word"
VARIABLES = ("STATLOOM_DATABASE_URL", "STATLOOM_ADMIN_DATABASE_URL", "STATLOOM_AIRFLOW_DATABASE_URL")
ADDRESSES = [
    "postgresql://u:{}@127.0.0.1:1/db",
    "postgresql://u:{}:x@127.0.0.1:1/db",
    "postgresql://u:{}@127.0.0.1:port/db",
    "postgresql://u:{}/more@127.0.0.1/db",
    "postgresql://u:{}@@127.0.0.1:1/db",
    "postgres//u:{}@127.0.0.1/db",
    "postgresql://u:{}#@127.0.0.1:1/db",
    "postgresql://u:{}?@127.0.0.1:1/db",
    "postgresql://u:{}@[::1/db",
    "postgresql://u:%zz{}@127.0.0.1:1/db",
    "postgresql://u:{} x@127.0.0.1:1/db",
]


def said(action) -> str:
    """Everything that an error of ``action`` would print, with all that led to it."""
    try:
        action()
    except Exception as error:
        return "".join(traceback.format_exception(error))
    return ""


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_of_databases(monkeypatch, capsys, tmp_path, variable, address):
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path))
    monkeypatch.setenv("STATLOOM_DATABASE_URL", "postgresql://e:x@127.0.0.1:1/db")
    monkeypatch.setenv(variable, address.format(SECRET))
    here = settings.load()
    for action in (
        lambda: connection.engine().connect(),
        lambda: connection.address(connection.url()),
        lambda: server.ensure_running(here),
        lambda: setup.prepare(here),
        lambda: airflow._migrate(here, {}),
        lambda: status.execute(None),
    ):
        assert SECRET not in said(action)
    assert SECRET not in "".join(capsys.readouterr())


def test_an_address_that_is_none_is_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path))
    monkeypatch.setenv("STATLOOM_DATABASE_URL", f"postgresql://u:%zz{SECRET}@127.0.0.1:1/db")
    with pytest.raises(StatloomError, match="is not postgresql://user:password@host:port/database"):
        setup.prepare(settings.load())


@pytest.mark.parametrize("kind", ["http", "dhis2", "database", "file"])
@pytest.mark.parametrize(
    "uri",
    [
        "http://u:{}@127.0.0.1:1",
        "postgres://u:{}@127.0.0.1:1/db",
        "http://u:{}@[::1",
        "sqlite://{}",
        "{}",
        "{{{}",
    ],
)
def test_connections_of_sources(monkeypatch, tmp_path, kind, uri):
    monkeypatch.setenv("AIRFLOW_CONN_BODY", uri.format(SECRET))
    monkeypatch.setattr("statloom.connectors.web.WAITS", ())
    more = {
        "http": {"url": "/x.csv"},
        "dhis2": {"data_set": "SeZJdZrHsG5", "period": ["2020"], "org_unit": "abcdefghijk"},
        "database": {"query": "select 1 as a order by 1"},
        "file": {"url": f"http://u:{SECRET}@127.0.0.1:1/x.csv"},
    }[kind]
    given = {"type": kind, **more} | ({} if kind == "file" else {"connection": "body"})
    contract = make_contract(connector=given)
    told = said(lambda: connectors.fetch(contract, None, tmp_path))
    # The last line is what is shown; those above it stay on the machine's own screen.
    assert told
    assert SECRET not in told.strip().splitlines()[-1]


def test_a_lookup_that_fails_says_its_kind_alone():
    def lookup(_):
        raise RuntimeError(f"vault answered {SECRET}")

    assert SECRET not in said(lambda: connections.find("body", lookup))
