"""Servers that never end, drip, or send the request elsewhere."""

import threading

import pytest

from statloom import connectors
from statloom.connectors import redirects, web
from statloom.errors import DeliveryError, StatloomError
from tests.connectors.server import Server, sends
from tests.landing.conftest import make_contract


def fetch(url, folder, **connector):
    contract = make_contract(connector={"type": "http", "url": url} | connector)
    return connectors.fetch(contract, None, folder)


def endless(handler):
    """One line, for ever."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    try:
        while not handler.server.release.is_set():
            handler.wfile.write(b"a" * 65536)
    except OSError:
        pass


def drips(first: bytes):
    """``first``, then a byte at a time, within every limit of one silence."""

    def answer(handler):
        handler.close_connection = True
        try:
            handler.wfile.write(first)
            while not handler.server.release.wait(0.02):
                handler.wfile.write(b"a")
        except OSError:
            pass

    return answer


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


def test_an_answer_without_an_end_stops_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("STATLOOM_MAXIMUM_BYTES", str(32 << 20))
    limit = "sends more than the limit of 33,554,432 bytes"
    with Server({"/toilets.csv": [endless]}) as server, pytest.raises(DeliveryError, match=limit):
        fetch(f"{server.url}/toilets.csv", tmp_path)
    assert (tmp_path / "toilets.csv").stat().st_size <= 32 << 20


def test_an_answer_that_drips_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(web, "SLOW_SECONDS", 0.2)
    with Server({"/toilets.csv": [drips(HEAD)]}) as server:
        with pytest.raises(StatloomError, match=r"sends too slowly: [0-9]+ bytes in 0 seconds"):
            fetch(f"{server.url}/toilets.csv", tmp_path)
        monkeypatch.setattr(web, "SLOW_SECONDS", 60)
        monkeypatch.setattr(web, "WHOLE_ANSWER_SECONDS", 0.2)
        with pytest.raises(StatloomError, match="was still sending after"):
            fetch(f"{server.url}/toilets.csv", tmp_path)
        assert len(server.requests) == 2


def test_a_head_that_drips_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(web, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(web, "CONNECT_SECONDS", 0.1)
    answer = drips(b"HTTP/1.1 200 OK\r\nX-Long: ")
    silent = "does not come to the end of its head"
    with Server({"/toilets.csv": [answer]}) as server, pytest.raises(StatloomError, match=silent):
        fetch(f"{server.url}/toilets.csv", tmp_path, timeout_seconds=0.1)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", "no web address"),
        ("ftp://127.0.0.1/x", "no web address"),
        ("gopher://127.0.0.1:1/x", "no web address"),
        ("http://169.254.169.254/latest/meta-data/", "an address that no source has"),
        ("http://[fe80::1]/", "an address that no source has"),
        ("http://[::ffff:169.254.169.254]/", "an address that no source has"),
        ("http://2852039166/latest/", "an address that no source has"),
        ("http://0.0.0.0/", "an address that no source has"),
    ],
)
def test_redirects_that_are_not_followed(tmp_path, location, reason):
    with Server({"/toilets.csv": [sends(b"", 302, Location=location)]}) as server:
        with pytest.raises(StatloomError, match=f"redirects to .*: {reason}"):
            fetch(f"{server.url}/toilets.csv", tmp_path)
        assert len(server.requests) == 1


def test_redirects_that_are_followed(tmp_path):
    with Server(
        {"/new.csv": [sends(b"level\n")], "/old.csv": [sends(b"", 301, Location="/new.csv")]}
    ) as server:
        assert fetch(f"{server.url}/old.csv", tmp_path).parts[0].path.read_bytes() == b"level\n"
    with Server({"/round.csv": [sends(b"", 302, Location="/round.csv")]}) as server:
        with pytest.raises(StatloomError):
            fetch(f"{server.url}/round.csv", tmp_path)
        assert len(server.requests) <= 6 * (len(web.WAITS) + 1)


@pytest.mark.parametrize(
    ("here", "there", "reason"),
    [
        ("https://8.8.8.8/a", "http://8.8.8.8/a", "from an encrypted connection"),
        ("https://8.8.8.8/a", "https://10.1.2.3/a", "inside the network, from one outside"),
        ("https://8.8.8.8/a", "https://127.0.0.1/a", "inside the network, from one outside"),
        ("https://8.8.8.8/a", "https://[::1]/a", "inside the network, from one outside"),
        ("https://8.8.8.8/a", "https://1.1.1.1/a", None),
        ("http://10.0.0.1/a", "http://10.0.0.2/a", None),
        ("http://8.8.8.8/a", "https://8.8.8.8/a", None),
    ],
)
def test_where_a_redirect_may_lead(here, there, reason):
    from urllib.parse import urlsplit

    found = redirects._reason(urlsplit(here), urlsplit(there))
    assert (reason in found) if reason else found is None


def test_a_password_is_not_in_what_a_refused_redirect_says(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BODY", "http://reader:planted-secret@127.0.0.1")
    answer = sends(b"", 302, Location="http://u:planted-secret@169.254.169.254/?token=planted-secret")
    with Server({"/toilets.csv": [answer]}) as server:
        monkeypatch.setenv("AIRFLOW_CONN_BODY", server.url.replace("//", "//reader:planted-secret@"))
        with pytest.raises(StatloomError) as caught:
            fetch("toilets.csv", tmp_path, connection="body")
    assert "redirects to" in str(caught.value)
    assert "planted-secret" not in str(caught.value)


def test_no_thread_is_left_that_keeps_the_process():
    assert all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())
