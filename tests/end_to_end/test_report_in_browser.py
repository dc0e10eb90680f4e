"""The quality report of a real run, in a real browser."""

import http.server
import shutil
import threading
from functools import partial

import pytest

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
    assert len(pages) > 30
    for path in pages:
        answer = page.goto(f"{site}/{path}")
        assert answer.ok, path
        assert page.title(), path
        assert page.troubles == [], path


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


def test_nothing_is_wider_than_a_phone(page, site):
    page.set_viewport_size({"width": 360, "height": 740})
    for name in ("index", "gates", "quarantine", "places", "data_gaps", "publications"):
        page.goto(f"{site}/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
