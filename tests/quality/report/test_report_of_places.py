"""What the report says of places, on a small country with planted faults."""

import html
import json
import re
import shutil
from pathlib import Path

import pytest

from statloom.quality import report
from statloom.quality.report.places import collect_places
from statloom.quality.report.shading import error_class, worst
from tests.quality.report.conftest import write_boundaries

SOURCE = "births"


@pytest.fixture(scope="module")
def written() -> dict[str, Path]:
    """The report of the country as it is, once a test has had it written."""
    return {}


@pytest.fixture
def site(request, written, tmp_path_factory, tmp_path):
    """The folder of the written report, a copy of its own for each test."""
    if not written:
        folder = tmp_path_factory.mktemp("report") / "site"
        report.write(request.getfixturevalue("country").engine, folder)
        written["site"] = folder
    shutil.copytree(written["site"], tmp_path / "site")
    return tmp_path / "site"


def _text(path) -> str:
    """The words of a page, without its tags."""
    page = re.sub(r"<(script|style|svg).*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_a_code_that_means_another_place_in_another_scheme_is_shown_with_both(country):
    found = collect_places(country.engine)["collisions"]
    assert [
        (row["place_code"], row["place_name"], row["other_place_name"], row["other_schemes"]) for row in found
    ] == [("12", "Jhapa", "Kaski", "OTHER")]


def test_a_code_that_has_no_place_here_but_one_elsewhere_is_shown(country):
    country.execute(
        "update places.place_reference set place_id = null, method = 'unresolved' where place_code = '12'"
    )
    (found,) = collect_places(country.engine)["collisions"]
    assert (found["place_id"], found["place_name"], found["other_place_name"]) == (None, None, "Kaski")


def test_two_schemes_that_agree_on_the_other_place_are_one_row(country):
    codes = country.project / "dbt_project" / "seeds" / "places" / "place_code.csv"
    codes.write_text(codes.read_text() + "EMPTY,district,12,V:district:21,,V\n")
    (found,) = collect_places(country.engine)["collisions"]
    assert found["other_schemes"] == "EMPTY, OTHER"


def test_decisions_in_use_not_met_and_no_longer_applying_are_told_apart(country):
    states = {row["place_code"]: row["state"] for row in collect_places(country.engine)["decisions"]}
    assert states == {"12": "used", "13": "stale", "14": "unused"}


def test_the_page_of_a_source_says_what_is_wrong_with_its_places(site):
    words = _text(site / "places" / f"{SOURCE}.html")
    assert "Jhapa V:district:12 Kaski V:district:21 OTHER" in words
    assert "no longer applies the place is called Ilam, not Illam <i>" in words
    assert "21 Kaski <b> two units have it <script> V:district:21 , by exact code" in words
    assert "statloom places review --source births" in words
    assert "Illaam <b> – unresolved Ilam V:district:11 (83.5) alike 2.25" in words


def test_sums_that_differ_are_ordered_by_size_with_their_share_of_what_was_reported(site):
    words = _text(site / "places" / f"{SOURCE}.html")
    large, small = words.index("NP_LARGE"), words.index("NP_SMALL")
    assert large < small
    assert words[large:small].split("district ")[1].startswith("0 47 +47 –")
    assert words[small:].split("district ")[1].startswith("300 299 -1 -0.33 %")


def test_every_method_is_listed_with_its_count_and_share(site):
    words = _text(site / "places" / f"{SOURCE}.html")
    for line in ("decision 1 25.0 %", "exact_code 2 50.0 %", "fuzzy 0 0.0 %", "unresolved 1 25.0 %"):
        assert line in words, line


def test_what_could_not_be_carried_is_said_with_the_reason(site):
    words = _text(site / "places" / f"{SOURCE}.html")
    assert "district no link leads from the place <to> V 12 NP_RATE OLD:district:11" in words


def test_the_way_of_figures_to_todays_places_is_counted_by_level(site):
    words = _text(site / "places" / f"{SOURCE}.html")
    assert "country 1 0 0 0.0 %" in words
    assert "district 1 2 1 25.0 %" in words


def test_a_place_has_the_shade_of_its_worst_figure_and_one_without_figures_is_seen(site):
    page = (site / "places" / f"{SOURCE}.html").read_text()
    rows = dict(re.findall(r'data-place="([^"]+)" data-method="([^"]+)"', page))
    assert rows == {"V:district:11": "exact_merge", "V:district:12": "apportioned", "V:district:21": "none"}


def test_the_error_of_divided_figures_is_relative_to_their_value(country, site):
    made = collect_places(country.engine)["made"][SOURCE]
    errors = {row["name"]: (row["error"], row["error_class"]) for row in made["rows"]}
    assert errors == {"Ilam": (None, "whole"), "Jhapa": (0.02, "error-2"), "Kaski": (None, "none")}
    assert "Jhapa East apportioned 0 1 1 25.0 % 2.0 %" in _text(site / "places" / f"{SOURCE}.html")


def test_a_warehouse_that_estimates_no_errors_has_none_on_its_pages(country, tmp_path):
    country.execute("alter table marts.observation drop column geo_se, drop column split_share")
    report.write(country.engine, tmp_path)
    page = (tmp_path / "places" / f"{SOURCE}.html").read_text()
    assert "Median error" not in page and 'data-method="apportioned"' in page


def test_a_country_without_boundaries_has_tables_and_says_that_there_is_no_map(site):
    page = (site / "places" / f"{SOURCE}.html").read_text()
    assert "No map: there are no boundaries of today's places" in html.unescape(page)
    assert "data-map" not in page and "boundaries.js" not in page
    assert "<details open>" in page
    assert not (site / "boundaries.js").exists()
    assert "so the report has no maps" in (site / "registry.html").read_text()


def test_with_boundaries_the_geometry_is_written_once_and_again_only_when_places_change(country, tmp_path):
    seeds = country.project / "dbt_project" / "seeds" / "places"
    write_boundaries(seeds)
    report.write(country.engine, tmp_path)
    script = (tmp_path / "boundaries.js").read_text()
    drawn = json.loads(script.split("window.statloomMap = ")[1].rstrip(";\n"))
    assert {one: drawn["units"][one]["statistical"] for one in drawn["units"]} == {
        "V:district:11": True, "V:district:12": True, "V:district:21": True, "V:district:99": False,
    }  # fmt: skip
    assert drawn["units"]["V:district:11"]["within"] == ["V:province:1", "V:country:NP"]
    page = (tmp_path / "places" / f"{SOURCE}.html").read_text()
    assert 'data-map="units"' in page and "drawn for &lt;em&gt;tests&lt;/em&gt;" in page
    assert "boundaries of no place: v:district:??" in _text(tmp_path / "registry.html").lower()

    written = (tmp_path / "boundaries.js").stat().st_mtime_ns
    report.write(country.engine, tmp_path)
    assert (tmp_path / "boundaries.js").stat().st_mtime_ns == written
    place = seeds / "place.csv"
    place.write_text(place.read_text().replace("Kaski", "Kaskii"))
    report.write(country.engine, tmp_path)
    assert '"name":"Kaskii"' in (tmp_path / "boundaries.js").read_text()


def test_boundaries_that_are_taken_away_leave_no_map_behind(country, tmp_path):
    seeds = country.project / "dbt_project" / "seeds" / "places"
    write_boundaries(seeds)
    report.write(country.engine, tmp_path)
    (seeds / "boundaries" / "V.topojson").unlink()
    report.write(country.engine, tmp_path)
    assert not (tmp_path / "boundaries.js").exists()


def test_a_broken_boundary_file_is_said_and_stops_nothing(country, tmp_path):
    seeds = country.project / "dbt_project" / "seeds" / "places"
    write_boundaries(seeds)
    (seeds / "boundaries" / "V.topojson").write_text('{"arcs": []}')
    report.write(country.engine, tmp_path)
    words = _text(tmp_path / "places" / f"{SOURCE}.html")
    assert "V.topojson: is no TopoJSON" in words
    assert "V.topojson: is no TopoJSON" in _text(tmp_path / "registry.html")


def test_a_registry_that_does_not_hold_together_is_said_and_stops_nothing(country, tmp_path):
    codes = country.project / "dbt_project" / "seeds" / "places" / "place_code.csv"
    codes.write_text(codes.read_text() + "TEST,district,11,V:district:<12>,,V\n")
    report.write(country.engine, tmp_path)
    for page in ("registry.html", "places.html", f"places/{SOURCE}.html"):
        assert "place_id V:district:<12> is not a place" in _text(tmp_path / page), page
    assert "exact_code 2 50.0 %" in _text(tmp_path / "places" / f"{SOURCE}.html")


def test_the_registry_page_has_editions_schemes_changes_and_rejected_codes(site):
    words = _text(site / "registry.html")
    assert "V (today's) Today 2017-01-01 to today country 1 1 province 2 2 district 4 3" in words
    assert "OTHER Scheme OTHER; Bureau 2000-01-01 to today district 1 1" in words
    assert "EMPTY Scheme EMPTY; Bureau 2000-01-01 to today – 0 0" in words
    assert "OLD V district continued 1 2017-01-01" in words
    assert "– V province created 1 2017-01-01" in words
    assert "TEST district 21 Kaski <b> two units have it <script>" in words


def test_what_seeds_and_sources_say_is_never_markup(site):
    for page in site.rglob("*.html"):
        text = page.read_text()
        for planted in ("<script>", "Kaski <b>", "Illaam <b>", "Illam <i>", "<em>tests"):
            assert planted not in text, (page, planted)


def test_the_overview_names_decisions_that_no_longer_apply_and_leads_to_the_source(site):
    page = (site / "places.html").read_text()
    assert "the place is called Ilam, not" in page
    assert f'href="places/{SOURCE}.html"' in page


def test_a_page_of_places_of_a_source_that_is_gone_is_removed(country, site):
    stale = site / "places" / "gone.html"
    stale.write_text("old")
    report.write(country.engine, site)
    assert not stale.exists()


@pytest.mark.parametrize(
    ("counts", "said"),
    [((3, 0, 0), "observed"), ((3, 1, 0), "exact_merge"), ((3, 0, 1), "apportioned"), ((0, 0, 0), "none")],
)
def test_the_worst_way_in_which_figures_were_made(counts, said):
    assert worst(counts) == said


@pytest.mark.parametrize(
    ("error", "said"),
    [(0.0, "error-0"), (0.0025, "error-0"), (0.0026, "error-1"), (0.2, "error-4"), (None, "unknown")],
)
def test_classes_of_error(error, said):
    assert error_class("apportioned", error) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "0.0 %"),
        (-0.0033, "-0.33 %"),
        (0.5, "50.0 %"),
        (0.00012, "0.012 %"),
        (1e-9, "under 0.001 %"),
    ],
)
def test_relative_differences(value, said):
    from statloom.quality.report.words import relative

    assert relative(value) == said


def test_figures_on_a_level_without_places_of_its_own_stop_nothing(country, tmp_path):
    """Such as figures of a protected area, where nothing is published."""
    country.execute(
        "update marts.observation set place_level = 'park', place_id = 'V:park:1'"
        " where place_id = 'V:country:NP'"
    )
    report.write(country.engine, tmp_path)
    assert "park 1 0 0 0.0 %" in _text(tmp_path / "places" / f"{SOURCE}.html")


def test_a_long_review_queue_is_cut_and_says_so(country, tmp_path):
    country.execute(
        "insert into places.place_reference (source_id, place_scheme, place_level, place_code, place_name,"
        " place_parent, place_id, method) select 'births', 'TEST', 'district', '', 'unknown ' || n, '', null,"
        " 'unresolved' from generate_series(1, 400) as n"
    )
    report.write(country.engine, tmp_path)
    page = tmp_path / "places" / f"{SOURCE}.html"
    assert "The first 300 of 401" in _text(page)
    assert page.read_text().count("unknown ") == 300 - 1


def test_a_reference_that_was_decided_since_is_marked(country):
    decisions = country.project / "dbt_project" / "seeds" / "places" / "place_decision.csv"
    decisions.write_text(
        decisions.read_text()
        + "births,TEST,district,,Illaam <b>,,V:district:11,A. Person,2026-02-01,asked again,Ilam\n"
    )
    (waiting,) = collect_places(country.engine)["queue"]
    assert waiting["decided"]


def test_the_front_page_counts_the_references_that_wait(site):
    assert "References to places that wait for a decision: 1" in _text(site / "index.html")
