"""The Great Expectations page of a gate run."""

import re

import pytest

from statloom.quality import pages

pytestmark = pytest.mark.database

FAILING = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "kind", "value_set": ["all"]}}


def page_of(office, result) -> str:
    (run,) = office.rows("select page from quality.gate_run where gate_run_id = :id", id=result.gate_run_id)
    assert run["page"] == f"gates/{result.gate_run_id}.html"
    return (office.database.home / "report" / run["page"]).read_text()


def test_it_shows_what_failed_and_asks_no_other_host(office) -> None:
    office.suite("raw", "births", [{**FAILING, "description": "only the total"}])
    html = page_of(office, office.judge(office.deliver()))
    assert "only the total" in html
    assert "home" in html
    assert "raw gate: births" in html
    assert not re.findall(r"(?:https?:)?//[^\s\"'<>]+\.[a-z]", html)
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"'](?!data:|\.\./|#)", html)


def test_data_are_never_taken_for_markup(office) -> None:
    office.suite("raw", "births", [{**FAILING, "description": "kind <i>is</i> $known"}])
    fault = (
        "update raw.births set kind = '<script>alert(1)</script>$x' where geo_code = '11' and kind = 'home'"
    )
    html = page_of(office, office.judge(office.deliver(fault)))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<i>is" not in html


def test_only_the_newest_pages_are_kept(office, monkeypatch) -> None:
    monkeypatch.setattr(pages, "KEPT", 2)
    delivery_id = office.deliver()
    runs = [office.judge(delivery_id).gate_run_id for _ in range(4)]
    kept = {path.name for path in (office.database.home / "report" / "gates").glob("*.html")}
    assert kept == {f"{number}.html" for number in runs[-2:]}
    assert [row["page"] for row in office.rows("select page from quality.gate_run order by gate_run_id")] == [
        None,
        None,
        *(f"gates/{number}.html" for number in runs[-2:]),
    ]
