"""A state folder of the test's own, without a database."""

import pytest


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The state folder."""
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
