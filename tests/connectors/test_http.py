"""HTTP against a real server that fails in all the ways servers fail."""

import time

import pytest

from statloom import connectors
from statloom.connectors import web
from statloom.errors import DeliveryError, StatloomError
from tests.connectors.server import Server, half, needs, sends
from tests.landing.conftest import CSV, make_contract

BODY = CSV.encode()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(web, "WAITS", (0.01, 0.02, 0.03))


def fetch(server, tmp_path, lookup=None, **connector):
    given = {"type": "http", "url": f"{server.url}/a.csv", "timeout_seconds": 0.5} | connector
    return connectors.fetch(make_contract(connector=given), lookup, tmp_path)


def test_bytes_come_unchanged(tmp_path):
    with Server({"/a.csv": [sends(BODY)]}) as server:
        payload = fetch(server, tmp_path)
    (part,) = payload.parts
    assert part.path.read_bytes() == BODY and part.name == "a.csv"


def test_a_login_is_given_and_a_wrong_one_is_said_without_it(tmp_path):
    with Server({"/a.csv": [needs("u:right", sends(BODY))]}) as server:
        good = server.url.replace("//", "//u:right@")
        bad = server.url.replace("//", "//u:wr0ng@")
        assert fetch(server, tmp_path, lambda _: good, connection="c", url="a.csv").parts
        with pytest.raises(StatloomError) as caught:
            fetch(server, tmp_path, lambda _: bad, connection="c", url="a.csv")
    assert "refuses the login (401): wrong user name, password or token" in str(caught.value)
    assert "wr0ng" not in str(caught.value)
    assert len(server.requests) == 2


def test_a_login_goes_to_no_other_server(tmp_path):
    with (
        Server({"/a.csv": [sends(BODY)]}) as server,
        pytest.raises(StatloomError, match="not on the server of"),
    ):
        fetch(server, tmp_path, lambda _: "http://u:p@other.example/", connection="c")
    assert not server.requests


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_temporary_failures_are_tried_again(tmp_path, status):
    with Server({"/a.csv": [sends(b"", status), sends(b"", status), sends(BODY)]}) as server:
        assert fetch(server, tmp_path).parts[0].path.read_bytes() == BODY
    assert len(server.requests) == 3


def test_a_server_that_keeps_failing_is_given_up(tmp_path):
    answers = {"/a.csv": [sends(b'{"message": "out of memory"}', 500)]}
    message = r"toilets: http://.*/a.csv answered 500 .*: out of memory"
    with Server(answers) as server, pytest.raises(StatloomError, match=message):
        fetch(server, tmp_path)
    assert len(server.requests) == 4


def test_a_server_that_asks_for_patience_gets_no_further_request(tmp_path):
    with (
        Server({"/a.csv": [sends(b"", 503, Retry_After="120")]}) as server,
        pytest.raises(StatloomError, match="503"),
    ):
        fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_what_is_not_there_is_not_tried_again(tmp_path):
    with Server({"/a.csv": [sends(b"", 404)]}) as server, pytest.raises(StatloomError, match="404"):
        fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_half_an_answer_is_no_delivery(tmp_path):
    with Server({"/a.csv": [half(BODY)]}) as server, pytest.raises(DeliveryError, match="it is truncated"):
        fetch(server, tmp_path)
    assert len(server.requests) == 4
    with Server({"/a.csv": [half(BODY), sends(BODY)]}) as server:
        assert fetch(server, tmp_path).parts[0].path.read_bytes() == BODY


def test_a_server_that_falls_silent_is_left(tmp_path):
    began = time.monotonic()
    silent = {"/a.csv": [half(BODY, hang=True)]}
    with Server(silent) as server, pytest.raises(StatloomError, match=r"stopped answering for 0.5 seconds"):
        fetch(server, tmp_path)
    assert time.monotonic() - began < 5


def test_a_server_that_is_not_there(tmp_path):
    with Server({}) as server:
        pass
    with pytest.raises(StatloomError, match=r"cannot be reached \(Connection refused\)"):
        fetch(server, tmp_path)


def test_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("STATLOOM_MAXIMUM_BYTES", "50")
    with (
        Server({"/a.csv": [sends(BODY)]}) as server,
        pytest.raises(DeliveryError, match="more than the limit of 50"),
    ):
        fetch(server, tmp_path)


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "/etc/passwd"])
def test_other_addresses_are_refused(tmp_path, url):
    with pytest.raises(StatloomError, match="no address of http"):
        connectors.fetch(make_contract(connector={"type": "http", "url": url}), None, tmp_path)
