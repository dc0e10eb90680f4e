"""What the report says of a warehouse in which much has gone wrong."""

import html
import json
import re

import jsonschema
import pytest

from statloom.lineage.causes import REASONS
from statloom.quality import report
from statloom.quality.report import data, look, site, summary, words
from statloom.quality.report.attention import SENTENCES
from statloom.quality.report.judged import DIMENSIONS
from statloom.quality.report.places import METHODS
from statloom.quality.report.words import Words
from tests.quality.report.monitored import days_ago, judged, results


def _rendered(said: dict, page: str) -> str:
    """The words of one page."""
    template = look.environment(Words(), said).get_template(f"{page}.html.j2")
    return _words_of(template.render(page=page, root="", assets="", other=""))


def _text(path) -> str:
    return _words_of(path.read_text(encoding="utf-8"))


def _words_of(page: str) -> str:
    page = re.sub(r"<(script|style|svg).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


_once: dict = {}


def _made_once(request, tmp_path_factory) -> dict:
    """Plant and write once for the tests that only read what was written."""
    if not _once:
        monitored = request.getfixturevalue("monitored")
        folder = tmp_path_factory.mktemp("report")
        with pytest.MonkeyPatch.context() as patched:
            asked = _once.setdefault("asked", {})
            patched.setattr(site, "Words", lambda language="en": asked.setdefault(language, Words(language)))
            report.write(monitored.engine, folder)
        _once.update(folder=folder, said=data.collect(monitored.engine))
    return _once


@pytest.fixture
def said(request, tmp_path_factory):
    """The report as a dictionary; not to be changed."""
    return _made_once(request, tmp_path_factory)["said"]


@pytest.fixture
def folder(request, tmp_path_factory):
    """The folder of the written report; not to be changed."""
    return _made_once(request, tmp_path_factory)["folder"]


def _source(said: dict, name: str) -> dict:
    return next(source for source in said["sources"] if source["source_id"] == name)


def _gate(said: dict, subject: str) -> dict:
    return next(gate for gate in said["gates"] if gate["subject"] == subject)


def test_a_source_has_a_light_for_each_dimension_and_none_where_nothing_was_judged(said):
    assert _source(said, "births")["lights"] == {
        "structure": "good", "completeness": "none", "accuracy": "bad", "coherence": "none",
        "timeliness": "none", "comparability": "good",
    }  # fmt: skip
    # Never judged for its age, but 12 days old; the marts' gate holds back a part for its coherence.
    assert _source(said, "incomes")["lights"] == {
        "structure": "none", "completeness": "warn", "accuracy": "none", "coherence": "bad",
        "timeliness": "warn", "comparability": "none",
    }  # fmt: skip
    assert [_source(said, name)["state"] for name in ("births", "incomes")] == ["bad", "part"]


def test_what_needs_somebody_names_who_and_since_when_and_the_gravest_is_first(said):
    rows = [(row["state"], row["kind"], row["subject"], row["owner"]) for row in said["attention"]]
    births, incomes = "births@office.example", "incomes@office.example"
    assert rows == [
        ("bad", "delivery_held_back", "births", births),
        ("bad", "over_budget", "incomes", incomes),
        ("bad", "parts_held_back", "incomes", incomes),
        ("warn", "too_old", "incomes", incomes),
        ("warn", "warnings", "births", births),
        ("warn", "never_drilled", "backup", None),
        ("warn", "places_wait", "births", births),
    ]
    since = {row["kind"]: row["since"] for row in said["attention"]}
    assert since["delivery_held_back"] == days_ago(4) and since["parts_held_back"] == days_ago(2)
    assert since["warnings"] == days_ago(8)


def test_an_expectation_has_its_history_and_says_when_it_began_to_fail(said):
    found = {row["description"]: row for row in _gate(said, "births")["results"]}
    negative, peers = found["total is at least 0"], found["No district lies far from the others"]
    assert (negative["outcomes"], negative["since"]) == ("ggb", days_ago(4))
    assert (peers["outcomes"], peers["since"]) == ("gww", days_ago(8))
    assert found["The delivery has rows"]["since"] is None
    assert (_gate(said, "marts")["outcomes"], _gate(said, "marts")["since"]) == ("ggp", days_ago(2))
    assert _gate(said, "incomes")["over_budget"] and not _gate(said, "births")["over_budget"]


def test_what_fails_longer_than_is_looked_back_still_says_since_when(monitored):
    for day in range(100, 60, -1):
        judged(monitored, "raw", "incomes", day, [("Long broken", "accuracy", "warn", day >= 97)])
    judged(monitored, "raw", "incomes", 1, [("Long broken", "accuracy", "warn", False), *results()[:1]])
    gate = _gate(data.collect(monitored.engine), "incomes")
    assert len(gate["history"]) == 30
    long, new = gate["results"]
    assert long["since"] == days_ago(96)
    assert (long["outcomes"][:3], long["outcomes"][-2:]) == ("www", "ww")
    assert new["outcomes"] == " " * 29 + "g"


def test_the_trend_says_how_the_warehouse_stood_after_each_run(said):
    stood = [
        (run["met"], run["warned"], run["failed"], run["held_back"], run["open"]) for run in said["trend"]
    ]
    assert stood == [(6, 0, 0, 0, False), (5, 1, 0, 0, False), (4, 8, 2, 1, False)]
    assert said["trend"][-1]["sources"] == {"births": "b", "incomes": "b"}


def test_quarantined_rows_of_the_newest_run_are_kept_for_the_trend(monitored):
    assert [run["quarantined"] for run in data.collect(monitored.engine)["trend"]] == [2, 2, 2]
    monitored.execute("update quality.row_account set rows_quarantined = 7")
    assert [run["quarantined"] for run in data.collect(monitored.engine)["trend"]] == [2, 2, 7]


def test_rows_that_do_not_add_up_are_said(monitored):
    assert data.collect(monitored.engine)["account"]["differing"] == []
    monitored.execute("update quality.quarantine set rows = 1")
    again = data.collect(monitored.engine)
    assert again["account"]["differing"] == ["births"]
    assert any(row["kind"] == "rows_unaccounted" for row in again["attention"])


def test_held_back_parts_and_quarantined_rows_are_shown_with_reason_owner_and_rows(folder):
    page = _text(folder / "held_back.html")
    assert "Income NP_INCOME incomes 2021 No rate is over 100 7 of 77 rows <b>unexpected 7" in page
    assert "gate raw: births: 1 failed" in page
    assert "12 rows in = 10 published + 2 quarantined" in page
    assert "reading not a number 2 5, 9 births.csv" in page
    assert "<b>unexpected" not in (folder / "held_back.html").read_text()


def test_a_warehouse_that_holds_nothing_back_says_so(monitored):
    monitored.execute("delete from quality.held_back")
    assert "No part is held back." in _rendered(data.collect(monitored.engine), "held_back")


def test_a_publication_says_what_changed_and_why(folder):
    page = _text(folder / "publication" / "2.html")
    assert "corrected delivery changed 3 100.0 % 1" in page
    largest = page[page.index("The largest changes") :]
    assert largest.index("V:district:11") < largest.index("V:district:12")
    assert "2020 100 150 +50 50.0 % corrected delivery births: <b>again" in largest
    assert "No figure changed." in _text(folder / "publication" / "1.html")


def test_the_release_says_its_files_and_what_was_left_out(folder):
    page = _text(folder / "release.html")
    assert "12 cells 3 cells left out" in page and "csv 1 2.8 kB" in page


@pytest.mark.parametrize(
    ("days", "passed", "state", "sentence"),
    [
        (1, True, "good", "Brought back and found the same"),
        (30, True, "warn", "The last restore drill is 30 days old; 8 are allowed"),
        (1, False, "bad", "The last restore drill failed"),
    ],
)
def test_the_last_restore_drill_is_judged(monitored, days, passed, state, sentence):
    monitored.execute(
        "insert into quality.restore_drill (began_at, finished_at, backup, publication_id, compared, passed,"
        " message) values (:at, :at, 'b1', 2, cast(:compared as jsonb), :passed, :message)",
        at=days_ago(days),
        passed=passed,
        message=None if passed else "checksum",
        compared=json.dumps(
            [{"name": "observation", "rows_original": 9, "rows_restored": 9 - (not passed), "same": passed}]
        ),
    )
    said = data.collect(monitored.engine)
    page = _rendered(said, "backup")
    assert said["drill"]["state"] == state
    assert sentence in page
    assert f"observation 9 {9 if passed else 8} {'the same' if passed else 'differs'}" in page


def test_a_drill_that_was_never_made_is_said_plainly(folder):
    assert "No restore drill was ever made" in _text(folder / "backup.html")
    assert "drill        none was ever made" in (folder / "summary.txt").read_text()


def test_gaps_are_counted_by_period_and_goal(said):
    rows = {(row["series_code"], row["place_level"]): row for row in said["data_gaps"]["rows"]}
    births = rows["NP_BIRTHS", "district"]
    periods = said["data_gaps"]["periods"]
    assert {period: cell for period, cell in zip(periods, births["cells"], strict=True) if cell} == {
        "1990": 3, "2019": 1, "2020": 3,
    }  # fmt: skip
    assert (births["filled"], births["filled_earlier"]) == (3, 1)
    assert said["data_gaps"]["summary"][0] == {
        "goal": "3",
        "levels": [{"series": 1, "found": 1}, {"series": 1, "found": 1}],
    }


def test_the_text_is_short_and_says_what_is_held_back_over_budget_and_the_drill(said):
    text = summary.text(said)
    assert len(text.splitlines()) <= 15
    assert "held back    births; 1 parts (series × period): incomes 1" in text
    assert "over budget  incomes" in text and "\ndrill " in text
    assert "births: The newest delivery is held back" in text and "births@office.example" in text


def test_the_json_follows_its_schema_and_a_report_that_does_not_is_found(folder):
    schema = json.loads((folder / "report.schema.json").read_text())
    said = json.loads((folder / "report.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert [error.message for error in validator.iter_errors(said)] == []
    said["sources"][0]["lights"]["accuracy"] = "green"
    said["unknown"] = 1
    assert len(list(validator.iter_errors(said))) == 2


def test_nothing_of_the_data_is_markup_in_any_page(folder):
    for path in folder.rglob("*.html"):
        page = path.read_text()
        for planted in ("<i>Ilam", "<script>\n", "<b>again", "<b>unexpected", "<b>households"):
            assert planted not in page, path


def test_every_text_of_the_templates_is_in_the_catalogue_and_is_translated(folder):
    assert _once["asked"]["ne"].missing == set()
    templates = (words._CATALOGUE.parent / "templates").glob("*.j2")
    written = set()
    for path in templates:
        source = path.read_text()
        written |= set(re.findall(r'\b_\("([^"]+)"', source))
        written |= set(re.findall(r'show\.head\("([^"]+)"', source))
        written |= set(re.findall(r'show\.(?:filter|choice)\([^)]*?"([A-Z][^"]+)"', source))
    assert len(written) > 250
    assert written - set(words.catalogue()) == set()
    for english, nepali in words.catalogue().items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", nepali)), english


def test_every_word_that_stands_for_a_code_is_translated():
    wanted = {*look.PAGES.values(), *look.STATES.values(), *look.RESULTS.values(), *look.WHOLE.values()}
    wanted |= {*look.STAGES.values(), *look.LOOKS.values(), *SENTENCES.values(), *METHODS, *DIMENSIONS}
    wanted |= {*REASONS, "new mart", "not recorded", "country", "province", "district", "local_unit", "vdc"}
    assert wanted - set(words.catalogue()) == set()


def test_a_text_without_translation_is_noticed(monitored):
    missing = words.Words("ne")
    assert missing.text("Nobody translated this") == "Nobody translated this"
    assert missing.missing == {"Nobody translated this"}


def test_descriptions_made_from_contracts_are_said_in_nepali_with_the_column_as_it_is():
    nepali = words.Words("ne")
    assert nepali.described("total is at least 0") == "<code>total</code> कम्तीमा ० छ"
    assert nepali.described("Made by <hand>") == '<span lang="en">Made by &lt;hand&gt;</span>'
    assert words.Words().described("total is at least 0") == "total is at least 0"
