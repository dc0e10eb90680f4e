"""The open data of a real run, in a real browser: index, search, pages of datasets, downloads."""

import http.server
import shutil
import threading
from functools import partial
from urllib.parse import unquote, urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
SHOWN = ("NP_TOILET_NONE", "NP_COMPANIES", "NP_SYN_WATER_IMPROVED", "NP_LIFE_EXPECTANCY", "NP_EDU_ATTAINMENT")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def release(first_run, installation):
    return (installation.home / "open_data" / "latest").resolve()


@pytest.fixture(scope="module")
def site(release):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(release)))
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
    """A page that notes errors, failed requests and requests to other hosts."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.troubles = []
    opened.on("console", lambda m: opened.troubles.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.on("requestfailed", lambda request: opened.troubles.append(f"failed: {request.url}"))
    opened.on("request", lambda request: _note(opened, site, request.url))
    yield opened
    opened.close()


def _note(opened, site, url):
    if not url.startswith((site, "data:", "file:")):
        opened.troubles.append(f"another host: {url}")


def test_search_finds_datasets_by_keyboard_in_both_languages(page, site):
    for index, word in (("index.html", "toilet"), ("index.ne.html", "शौचालय"), ("index.ne.html", "toilet")):
        page.goto(f"{site}/{index}")
        everything = page.locator("ul.datasets > li:visible").count()
        assert everything > 80
        page.locator("#words").focus()
        page.keyboard.type(word)
        shown = page.locator("ul.datasets > li:visible")
        assert 3 <= shown.count() < 15
        assert page.locator("#count").inner_text().startswith(str(shown.count()))
    page.goto(f"{site}/index.html?q=no+such+thing")
    assert page.locator("ul.datasets > li:visible").count() == 0
    page.locator("#words").fill("")
    page.locator("#goal").select_option("6")
    shown = page.locator("ul.datasets > li:visible")
    assert 3 <= shown.count() < everything
    shown.first.locator("a").focus()
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#downloads")).to_be_visible()
    assert page.troubles == []


@pytest.mark.parametrize("end", [".html", ".ne.html"])
def test_pages_of_datasets_have_all_parts_and_no_error(page, site, end):
    for series in SHOWN:
        page.goto(f"{site}/datasets/{series}{end}")
        for part in ("what", "chart", "map", "figures", "made", "quality", "rights", "cite", "downloads"):
            assert page.locator(f"#{part} h2").is_visible(), (series, part)
        assert page.locator("#chart svg").bounding_box()["height"] > 60
        drawn = page.locator(".map path")
        shaded = page.locator(".map path[class^=c]").count()
        assert drawn.count() in (775, 77) and shaded > 0.7 * drawn.count(), series
        assert page.troubles == [], series


def test_the_map_says_what_the_release_says(page, site, installation):
    page.goto(f"{site}/datasets/NP_TOILET_NONE.html")
    place, value = installation.query(
        "select place_id, value from marts.indicator_series where series_code = 'NP_TOILET_NONE' "
        "and place_level = 'local_unit' and value is not null order by value desc limit 1"
    )[0].split("|")
    unit = page.locator(f'path[data-place="{place}"]')
    assert unit.get_attribute("class") == "c4"
    unit.dispatch_event("pointerover")
    assert f"{float(value):.2f}".rstrip("0").rstrip(".") in page.locator(".said").inner_text()
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    playwright.expect(page.locator("details.table-of-map tbody tr")).to_have_count(753)


def test_every_download_is_there(page, site, release):
    found = set()
    for name in ("index.html", "index.ne.html", *(f"datasets/{series}.html" for series in SHOWN)):
        page.goto(f"{site}/{name}")
        found |= set(page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)"))
    local = {unquote(urlsplit(address).path) for address in found if address.startswith(site)}
    assert len(local) > 100
    assert [path for path in sorted(local) if not (release / path.lstrip("/")).is_file()] == []


def test_nothing_is_wider_than_a_phone(page, site):
    page.set_viewport_size({"width": 360, "height": 740})
    for name in ("index.html", "index.ne.html", *(f"datasets/{series}.ne.html" for series in SHOWN)):
        page.goto(f"{site}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name


def test_pages_work_opened_from_a_folder(page, release):
    page.goto((release / "datasets" / "NP_TOILET_NONE.ne.html").as_uri())
    assert page.locator(".map path[class^=c]").count() == 753
    page.locator("header a[hreflang=en]").click()
    playwright.expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.troubles == []
