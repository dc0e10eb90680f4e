"""``statloom status`` tells the truth and starts nothing."""

import pytest
from sqlalchemy import text

from statloom.cli import main
from statloom.settings import PROJECT, Settings
from statloom.warehouse import server, setup

pytestmark = pytest.mark.database


def test_nothing_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path / "home"))
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    assert "not running; nothing was set up yet" in said
    assert "none known" in said
    assert not (tmp_path / "home").exists()
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "nothing was running\n"
    assert not (tmp_path / "home").exists()


def fill(engine):
    with engine.begin() as connection:
        for number, status in enumerate(("accepted", "accepted", "held_back"), start=1):
            connection.execute(
                text("insert into landing.source values (:source, '{}', 'x')"), {"source": f"source_{number}"}
            )
            connection.execute(
                text(
                    "insert into landing.delivery (source_id, sha256, size_bytes, file_name, archive_key,"
                    " fetched_from, fetched_by, status, rows_loaded, rows_quarantined)"
                    " values (:source, 'x', 1, 'f', 'k', 'u', 'me', :status, 1200, 7)"
                ),
                {"source": f"source_{number}", "status": status},
            )
        connection.execute(text("insert into publication.publication values (4, 'published', now(), now())"))
        connection.execute(text("update publication.pointer set publication_id = 4"))
        connection.execute(
            text(
                "insert into release.release (release_id, publication_id, status, folder)"
                " values (2, 4, 'released', '2')"
            )
        )


def test_numbers_of_the_warehouse(database, capsys):
    fill(database.engine)
    assert main(["status"]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["database"].startswith("external: postgresql://statloom_engineer@127.0.0.1:")
    assert lines["publication"].startswith("4, 20")
    assert lines["release"] == "2"
    assert lines["sources"] == ("2 of 3 taken in, 3 deliveries; the newest delivery of 1 was not accepted")
    assert lines["rows"] == "2,400 loaded, 14 in quarantine"

    with database.engine.begin() as connection:
        connection.execute(text("create table quality.row_account as select 20 as rows_quarantined"))
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    assert "2,400 loaded, 20 in quarantine" in said
    assert "held back" not in said

    with database.engine.begin() as connection:
        connection.execute(
            text(
                "insert into quality.held_back (extent, source_id, series_code, period, delivery_id, gate,"
                " expectation, reason, owner, lifted_at) values"
                " ('part', 'source_1', 'A', '2020', 1, 'raw', 'e', 'r', 'me@office', null),"
                " ('part', 'source_1', 'A', '2020', 1, 'raw', 'f', 'r', 'me@office', null),"
                " ('part', 'source_1', 'B', '2020', 1, 'marts', 'e', 'r', 'me@office', null),"
                " ('part', 'source_2', 'A', '2020', 2, 'raw', 'e', 'r', 'you@office', now()),"
                " ('delivery', 'source_3', 'A', '2020', 3, 'raw', 'e', 'r', 'you@office', null)"
            )
        )
    assert main(["status"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("held back")]
    assert lines == ["held back    2 parts (source × series × period) of source_1 (me@office)"]


def test_numbers_are_remembered_while_nothing_runs(home, monkeypatch, capsys):
    monkeypatch.setenv("STATLOOM_HOME", str(home))
    here = Settings(project=PROJECT, home=home)
    try:
        server.ensure_running(here, options={"fsync": "off"})
        setup.prepare(here)
        from statloom.warehouse import connection

        engine = connection.engine()
        fill(engine)
        engine.dispose()
        assert main(["down"]) == 0
        assert capsys.readouterr().out == "stopped the database\n"
        assert not server.is_running(here)
        assert main(["status"]) == 0
        said = capsys.readouterr().out
        assert "database     not running\n" in said
        assert "publication  4, " in said
        assert "(as of 20" in said
        assert not server.is_running(here)
    finally:
        server.stop(here)
