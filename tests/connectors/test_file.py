"""Files, local and behind fsspec."""

import fsspec
import pytest

from statloom import connectors
from statloom.errors import StatloomError
from tests.landing.conftest import CSV, make_contract


def fetch(url, folder):
    return connectors.fetch(make_contract(connector={"type": "file", "url": str(url)}), None, folder)


def test_local_and_remote_files(delivery, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    assert fetch(delivery(), folder).parts[0].path.read_text() == CSV
    fsspec.filesystem("memory").pipe("/bucket/x.csv", CSV.encode())
    payload = fetch("memory://bucket/x.csv", folder)
    assert payload.parts[0].name == "x.csv" and payload.parts[0].path.read_text() == CSV


def test_a_relative_path_begins_at_the_project(tmp_path):
    assert fetch("pyproject.toml", tmp_path).parts[0].path.stat().st_size


def test_what_is_not_there(tmp_path, monkeypatch, delivery):
    with pytest.raises(StatloomError, match=r"toilets: no file nothing.csv"):
        fetch("nothing.csv", tmp_path)
    with pytest.raises(StatloomError, match="is a folder"):
        fetch(tmp_path, tmp_path)
    with pytest.raises(StatloomError, match="cannot be read"):
        fetch("nosuchprotocol://x/y", tmp_path)
    monkeypatch.setenv("STATLOOM_MAXIMUM_BYTES", "10")
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(StatloomError, match="larger than the limit of 10 bytes"):
        fetch(delivery(), out)
