"""The DHIS2 connector against a server that answers as DHIS2 does."""

import pytest

from demo.bodies.dhis2_server import Dhis2Server, Fault
from statloom import connectors, contracts
from statloom.connectors import web
from statloom.errors import DeliveryError, StatloomError
from statloom.landing import read
from statloom.landing.archive import MANIFEST, Archive


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(web, "WAITS", (0.01, 0.02, 0.03))


@pytest.fixture
def contract():
    return contracts.load("hmis_deliveries")


def serve(*faults):
    return Dhis2Server(users={"u": "right"}, tokens=("d2pat_secret",), faults=faults)


def fetch(server, contract, folder, login="u:right@", extra=""):
    folder.mkdir(exist_ok=True)
    return connectors.fetch(contract, lambda _: f"http://{login}127.0.0.1:{server.port}/{extra}", folder)


def test_all_pages_are_fetched_and_read(contract, tmp_path):
    from dataclasses import replace

    paged = replace(contract, connector=replace(contract.connector, page_size=20))
    with serve() as server:
        payload = fetch(server, paged, tmp_path / "a")
        assert sum("organisationUnits" in path for path in server.requests) == 4
        again = fetch(server, paged, tmp_path / "b")
    archive = Archive(tmp_path / "archive")
    stored = archive.put(payload)
    assert stored.file_name == MANIFEST
    assert archive.put(again).sha256 == stored.sha256
    (tmp_path / "out").mkdir()
    reading = read(contract, archive.get(stored.key, tmp_path / "out", stored.file_name))
    frame = reading.frame
    assert reading.rows_read == len(frame) == 304
    nation = frame[frame["org_unit_code"] == "NP"]["value"].sum()
    assert nation == 349_179 == frame[frame["org_unit_code"] != "NP"]["value"].sum()


def test_a_token_is_a_login(contract, tmp_path):
    with serve() as server:
        assert fetch(server, contract, tmp_path, login="", extra="?token=d2pat_secret").parts
        with pytest.raises(StatloomError) as caught:
            fetch(server, contract, tmp_path, login="", extra="?token=d2pat_wr0ng")
    assert "refuses the login (401)" in str(caught.value) and "wr0ng" not in str(caught.value)


def test_a_wrong_password(contract, tmp_path):
    with serve() as server, pytest.raises(StatloomError) as caught:
        fetch(server, contract, tmp_path, login="u:wr0ng@")
    assert "refuses the login (401)" in str(caught.value) and "wr0ng" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("error", "organisationUnits"), "answered 500"),
        (Fault("html", "dataElements"), "an HTML page where JSON was expected"),
        (Fault("truncate", "dataValueSets"), "truncated"),
        (Fault("reset"), "cannot be reached"),
        (Fault("hang", "dataValueSets"), "stopped answering for 0.5 seconds"),
    ],
)
def test_failures_are_named_and_nothing_is_handed_over(contract, tmp_path, fault, message):
    from dataclasses import replace

    hasty = replace(contract, connector=replace(contract.connector, timeout_seconds=0.5))
    with serve(fault) as server, pytest.raises((StatloomError, DeliveryError)) as caught:
        fetch(server, hasty, tmp_path)
    assert message in str(caught.value) and "right" not in str(caught.value)


def test_a_failure_that_passes_is_borne(contract, tmp_path):
    with serve(
        Fault("error", "dataElements", times=2), Fault("truncate", "dataValueSets", times=1)
    ) as server:
        assert len(fetch(server, contract, tmp_path).parts) == 4


def test_a_data_set_by_its_code_and_one_that_is_not_there(contract, tmp_path):
    from dataclasses import replace

    def named(name):
        return replace(contract, connector=replace(contract.connector, data_set=name))

    with serve() as server:
        assert fetch(server, named("HMIS_SAFE_MOTHERHOOD"), tmp_path).parts
        with pytest.raises(StatloomError, match="no data set 'NOTHING'"):
            fetch(server, named("NOTHING"), tmp_path)
