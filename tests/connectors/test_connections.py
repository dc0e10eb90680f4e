"""Connections from the environment or a lookup; secrets are never shown."""

import json

import pytest

from statloom.connectors.connections import find, parse, without_secrets
from statloom.errors import StatloomError


@pytest.mark.parametrize(
    ("uri", "base"),
    [
        ("http://u:p@host:8080/", "http://host:8080"),
        ("https://host/dhis", "https://host/dhis"),
        ("http://u:p@host:8080/https", "https://host:8080"),
        ("http://https://u:p@host:8443/?token=t", "https://host:8443"),
        ("http://u:p@https%3A%2F%2Fhost:443/", "https://host:443"),
    ],
)
def test_uris(uri, base):
    assert parse(uri, "c").base_url() == base


def test_parts_of_a_uri_are_unquoted_and_extra_is_read():
    found = parse("postgresql://us%40er:p%2Fw%3A@host:5432/data?sslmode=require", "c")
    assert (found.login, found.password, found.schema, found.port) == ("us@er", "p/w:", "data", 5432)
    assert found.extra == {"sslmode": "require"}
    assert parse("http://host/?__extra__=%7B%22token%22%3A%20%22x%22%7D", "c").extra == {"token": "x"}


def test_json():
    text = json.dumps(
        {
            "conn_type": "http",
            "host": "https://h.example",
            "port": "8443",
            "password": "pw",
            "extra": '{"token": "t"}',
        }
    )
    found = parse(text, "c")
    assert found.base_url() == "https://h.example:8443"
    assert set(found.secrets) == {"pw", "t"}
    assert "pw" not in repr(found) and "'t'" not in repr(found)


def test_the_environment_goes_before_the_lookup(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MY_HMIS", "http://environment/")
    assert find("my-hmis", lambda _: "http://lookup/").host == "environment"
    monkeypatch.delenv("AIRFLOW_CONN_MY_HMIS")
    assert find("my-hmis", lambda _: "http://lookup/").host == "lookup"
    with pytest.raises(StatloomError, match="set AIRFLOW_CONN_MY_HMIS"):
        find("my-hmis")


def test_the_text_of_a_failing_lookup_is_not_shown():
    def lookup(_):
        raise RuntimeError("could not decrypt s3cret")

    with pytest.raises(StatloomError) as caught:
        find("x", lookup)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", ["no uri", "{not json", "{}[]", "http://host:port/"])
def test_what_is_no_connection_is_not_shown_either(text):
    with pytest.raises(StatloomError) as caught:
        parse(text, "hmis")
    assert text not in str(caught.value) and "'hmis'" in str(caught.value)


def test_secrets_are_masked():
    text = without_secrets("GET https://user:pass@host/x?token=abc&a=1 failed for pa/ss (pa%2Fss)", "pa/ss")
    assert text == "GET https://user:***@host/x?token=***&a=1 failed for *** (***)"
