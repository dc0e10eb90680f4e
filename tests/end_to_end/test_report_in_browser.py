"""The quality report of a real run, in a real browser."""

import http.server
import re
import shutil
import subprocess
import sys
import threading
from functools import partial

import pytest

from statloom import settings
from statloom.quality.report.look import PAGES

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def site(first_run, installation):
    """The address of the report, served as a static site."""
    handler = partial(_Quiet, directory=str(installation.home / "report"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        opened = engine.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"],
        )
        yield opened
        opened.close()


@pytest.fixture
def page(browser, site):
    """A page that notes what goes wrong: errors on its console, failed requests, requests to other hosts."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.troubles = []
    opened.on("console", lambda m: opened.troubles.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.on("requestfailed", lambda request: opened.troubles.append(f"failed: {request.url}"))
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((site, "data:"))
            else opened.troubles.append(f"another host: {request.url}")
        ),
    )
    yield opened
    opened.close()


def test_every_page_of_the_report_opens_without_an_error(page, site, installation):
    report = installation.home / "report"
    pages = sorted(path.relative_to(report) for path in report.rglob("*.html"))
    # In Nepali all overviews and one page of each other kind: below, the others are built like the English.
    first = {path.parent: path for path in reversed(pages)}
    opened = [p for p in pages if p.parts[0] != "ne" or len(p.parts) == 2 or first[p.parent] == p]
    assert len(opened) > 60 and len(opened) < len(pages)
    for path in opened:
        answer = page.goto(f"{site}/{path}")
        assert answer.ok, path
        assert page.title(), path
        assert page.troubles == [], path


BUILT_OF = (
    r"<(table|tr|svg|path|script|form|input|select|button|details)\b"
    r'|\b(id|src|class|data-(?:value|place|method|error|state|map))="([^"]*)"'
)


def test_pages_in_nepali_are_built_as_the_english_ones(first_run, installation):
    """Both have the same elements, identifiers, scripts and data, in the same order; only texts differ."""
    report = installation.home / "report"

    def built(path):
        found = re.findall(BUILT_OF, path.read_text())
        return [(tag, name, value.replace("../", "")) for tag, name, value in found]

    pages = sorted((report / "ne").rglob("*.html"))
    assert len(pages) > 60
    for path in pages:
        english = report / path.relative_to(report / "ne")
        assert built(path) == built(english), path


def test_every_link_of_the_front_page_leads_somewhere(page, site):
    page.goto(f"{site}/index.html")
    for address in set(page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")):
        assert page.request.get(address.partition("#")[0]).ok, address


def test_the_list_of_sources_can_be_narrowed_by_keyboard(page, site):
    page.goto(f"{site}/index.html")
    page.get_by_label("Narrow the list").focus()
    page.keyboard.type("literacy")
    shown = page.locator("#sources-table tbody tr:visible")
    assert shown.count() == 1
    assert "literacy" in shown.first.inner_text().lower()


CENSUS = "census_2011_toilet"  # has figures of villages, of which some had to be divided
NARROW = tuple(PAGES)


def test_nothing_is_wider_than_a_phone(page, site):
    page.set_viewport_size({"width": 360, "height": 740})
    for name in (*NARROW, f"places/{CENSUS}", "places/poverty", f"sources/{CENSUS}"):
        page.goto(f"{site}/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name


DRAWN = """Object.fromEntries(
    [...document.querySelectorAll("path.unit")].map((path) => [path.dataset.place, path.classList[1]]))"""
VALUES = "[...document.querySelectorAll('#agreement-table tbody tr')].map(r => r.cells[%d].dataset.value)"


def _as_published(installation, source: str) -> dict[str, str]:
    """Return the worst way in which the figures of each local unit were made, as the marts have them."""
    lines = installation.query(
        "select place_id, case when bool_or(geo_method = 'apportioned') then 'apportioned' when"
        " bool_or(geo_method = 'exact_merge') then 'exact_merge' else 'observed' end from marts.observation"
        f" where place_level = 'local_unit' and source_id like '{source}' and value is not null"
        " group by place_id"
    )
    return dict(line.split("|") for line in lines)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("places", "%"),
        (f"places/{CENSUS}", CENSUS),
        ("places/census_2021_population", "census_2021_population"),
    ],
)
def test_the_map_has_every_local_unit_in_the_shade_of_its_figures(page, site, installation, name, source):
    page.goto(f"{site}/{name}.html")
    drawn = page.evaluate(DRAWN)
    assert len(drawn) == 753
    assert drawn == _as_published(installation, source)
    assert page.locator("path.protected").count() == 22
    box = page.locator(".map svg").bounding_box()
    assert box["width"] > 900 and 400 < box["height"] < 700
    assert page.troubles == []


def test_a_source_of_districts_shades_units_by_their_district(page, site):
    page.goto(f"{site}/places/poverty.html")
    assert "has the shade of its district" in page.locator("#main").inner_text()
    drawn = page.evaluate(DRAWN)
    assert len(drawn) == 753
    districts = page.locator("#units tbody tr").count()
    assert districts == 77


def test_pages_with_maps_work_opened_from_a_file(page, installation):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((installation.home / "report" / "places" / f"{CENSUS}.html").as_uri())
    assert page.locator("path.unit").count() == 753
    assert all(address.startswith(("file:", "data:")) for address in asked)
    assert [trouble for trouble in page.troubles if not trouble.startswith("another host: file:")] == []


def test_typing_a_name_leaves_that_unit_alone_on_the_map_and_in_the_table(page, site):
    page.goto(f"{site}/places/{CENSUS}.html")
    page.get_by_label("Find a place").focus()
    page.keyboard.type("pokhara")
    assert page.locator("path.unit:not(.faded)").count() == 1
    page.locator("summary", has_text="The same as a table").focus()
    page.keyboard.press("Enter")
    shown = page.locator("#units tbody tr:visible")
    assert shown.count() == 1 and "Pokhara" in shown.first.inner_text()


def test_a_shade_can_be_taken_away_by_keyboard(page, site):
    page.goto(f"{site}/places/{CENSUS}.html")
    drawn = page.evaluate(DRAWN)
    merged = sum(shade == "exact_merge" for shade in drawn.values())
    page.get_by_role("checkbox", name="exact merge").focus()
    page.keyboard.press("Space")
    assert page.locator("path.unit.faded").count() == merged
    assert page.locator("#units tbody tr:not([hidden])").count() == 753 - merged


def test_a_unit_says_what_it_is_when_pointed_at(page, site):
    page.goto(f"{site}/places/{CENSUS}.html")
    unit = page.locator("path.unit.apportioned").first
    title = unit.locator("title").text_content()
    unit.dispatch_event("pointerover")
    assert page.locator(".said").inner_text() == title
    assert "apportioned" in title


def test_the_list_of_sums_is_sorted_by_size_and_by_share(page, site):
    page.goto(f"{site}/places/{CENSUS}.html")

    def column(number: int) -> list[float]:
        return [abs(float(value or 0)) for value in page.evaluate(VALUES % number)]

    assert column(8) == sorted(column(8), reverse=True) and len(column(8)) > 20
    page.get_by_role("button", name="Of reported").click()
    assert column(9) == sorted(column(9), reverse=True)
    page.get_by_role("button", name="Of reported").click()
    assert column(9) == sorted(column(9))


def test_the_pictures_of_the_guides_can_be_made(installation, site, tmp_path):
    script = settings.PROJECT / "scripts" / "screenshots.py"
    # In a process of its own: this one has a browser open.
    code = (
        "import pathlib, runpy, sys; script = runpy.run_path(sys.argv[1]);"
        "made = script['take'](pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]));"
        "sys.exit({path.name for path in made} != set(script['PICTURES']))"
    )
    words = [sys.executable, "-c", code, str(script), str(installation.home / "report"), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    made = list(tmp_path.iterdir())
    assert made and all(path.read_bytes().startswith(b"\x89PNG") for path in made)


def test_no_page_is_heavy(installation):
    report = installation.home / "report"
    ours = [path for path in report.rglob("*.html") if path.parent != report / "gates"]
    assert [path for path in ours if path.stat().st_size > 300_000] == []


def test_the_geometry_is_there_once_and_light(installation):
    report = installation.home / "report"
    assert (report / "boundaries.js").stat().st_size < 400_000
    assert [path.name for path in report.rglob("boundaries*")] == ["boundaries.js"]


def test_units_can_be_shaded_by_the_error_that_dividing_made(page, site):
    page.goto(f"{site}/places/{CENSUS}.html")
    made = page.evaluate(DRAWN)
    page.get_by_label("their error from being divided").focus()
    page.keyboard.press("Space")
    shades = page.evaluate(DRAWN)
    assert {place for place in shades if shades[place] == "whole"} == {
        place for place in made if made[place] == "exact_merge"
    }
    assert len(set(shades.values())) > 3
    assert page.get_by_role("group", name="Median error").is_visible()
    assert not page.get_by_role("group", name="Worst of a place's figures").is_visible()
