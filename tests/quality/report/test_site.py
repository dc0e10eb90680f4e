"""The quality report on small warehouses: before anything was built, and with a source that was held back."""

import json

import pytest
from sqlalchemy import text

from statloom import contracts
from statloom.quality import report
from statloom.quality.report import data, summary, words

SOURCE = "livestock"


@pytest.fixture
def warehouse(database):
    """A warehouse with its contracts registered, and no data."""
    contracts.register(database.engine)
    return database.engine


def _deliver(engine, status: str, reason: str | None, outcome: str = "new") -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into landing.delivery (source_id, sha256, size_bytes, file_name, archive_key,"
                " fetched_from, fetched_by, status, reason, rows_read)"
                " values (:source, 'a1', 10, 'livestock.csv', 'a1', 'here', 'test', :status, :reason, 3)"
            ),
            {"source": SOURCE, "status": status, "reason": reason},
        )
        connection.execute(
            text(
                "insert into landing.fetch (source_id, fetched_by, fetched_from, outcome)"
                " values (:source, 'test', 'here', :outcome)"
            ),
            {"source": SOURCE, "outcome": outcome},
        )


def _gate(engine, passed: bool) -> None:
    with engine.begin() as connection:
        run = connection.scalar(
            text(
                "insert into quality.gate_run (gate, subject, started_at, finished_at, passed, expectations,"
                " failed, warned) values ('raw', :source, now(), now(), :passed, 1, :failed, 0)"
                " returning gate_run_id"
            ),
            {"source": SOURCE, "passed": passed, "failed": 0 if passed else 1},
        )
        connection.execute(
            text(
                "insert into quality.expectation_result (gate_run_id, position, suite, table_name,"
                " expectation_type, dimension, severity, description, passed, rows_unexpected, examples,"
                " message)"
                " values (:run, 1, 'raw.livestock', 'raw.livestock', 'x', 'accuracy', 'fail', 'No <b>goat</b>"
                " is negative', :passed, 1, '[{\"total\": -1}]', '1 of 3 rows unexpected')"
            ),
            {"run": run, "passed": passed},
        )


def _source(collected: dict) -> dict:
    return next(source for source in collected["sources"] if source["source_id"] == SOURCE)


def test_a_report_of_a_warehouse_with_nothing_in_it_can_be_written_and_read(warehouse, tmp_path):
    front = report.write(warehouse, tmp_path)
    assert front == tmp_path / "index.html"
    assert "Livestock" in front.read_text() or "livestock" in front.read_text()
    said = json.loads((tmp_path / "report.json").read_text())
    assert {source["state"] for source in said["sources"]} == {"none"}
    assert said["gates"] == []


def test_a_delivery_that_was_held_back_is_said_with_its_reason(warehouse, tmp_path):
    _deliver(warehouse, "held_back", "gate raw: livestock: 1 failed <script>alert(1)</script>")
    _gate(warehouse, passed=False)
    report.write(warehouse, tmp_path)
    for path in tmp_path.rglob("*.html"):
        assert "<script>alert" not in path.read_text() and "<b>goat</b>" not in path.read_text(), path
    page = (tmp_path / "sources" / f"{SOURCE}.html").read_text()
    assert "gate raw: livestock: 1 failed" in page
    assert "1 of 3 rows unexpected" in page
    assert _source(data.collect(warehouse))["state"] == "bad"
    short = (tmp_path / "summary.txt").read_text()
    assert "1 held back" in short and "held back    livestock; no parts" in short
    assert "livestock: The newest delivery is held back" in short and "gate raw: livestock: 1 failed" in short
    assert "gates        0 passed, 1 failed" in short
    assert "HELD BACK: gate raw: livestock: 1 failed" in summary.by_source(data.collect(warehouse))


def test_an_accepted_delivery_is_good_and_an_old_one_a_warning(warehouse):
    _deliver(warehouse, "accepted", None)
    _gate(warehouse, passed=True)
    assert _source(data.collect(warehouse))["state"] == "good"
    with warehouse.begin() as connection:
        connection.execute(text("update landing.delivery set fetched_at = now() - interval '90 years'"))
    assert _source(data.collect(warehouse))["state"] == "warn"


def test_a_source_that_cannot_be_fetched_is_not_good(warehouse):
    _deliver(warehouse, "accepted", None, outcome="failed")
    assert _source(data.collect(warehouse))["state"] == "bad"


def test_a_page_of_a_source_that_is_gone_is_removed(warehouse, tmp_path):
    stale = tmp_path / "sources" / "gone.html"
    stale.parent.mkdir()
    stale.write_text("old")
    report.write(warehouse, tmp_path)
    assert not stale.exists()


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(None, 10, "–"), (5, 0, "–"), (10, 10, "100.0 %"), (99_999, 100_000, "99.9 %"), (1, 3, "33.3 %")],
)
def test_shares_of_rows(part, whole, said):
    assert words.share(part, whole) == said
