"""The report of a country in which much has gone wrong, in a real browser, opened from files."""

import re
import shutil

import pytest

from statloom.quality import report
from statloom.quality.report.look import PAGES

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

_once: dict = {}
# Texts that are words, outside of what is marked as another language or as no language.
UNTRANSLATED = """() => {
    const found = new Set();
    const skipped = "[lang=en], [translate=no], code, script, style, noscript, title";
    const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const node = walk.currentNode;
        const text = node.data.replace("Statloom", "");
        if (!node.parentElement.closest(skipped) && /[A-Za-z]{2,}/.test(text)) found.add(text.trim());
    }
    for (const element of document.querySelectorAll("[aria-label], [title], [alt], [placeholder]")) {
        if (element.closest(skipped)) continue;
        for (const name of ["aria-label", "title", "alt", "placeholder"]) {
            const text = element.getAttribute(name) ?? "";
            if (/[A-Za-z]{2,}/.test(text)) found.add(text);
        }
    }
    return [...found];
}"""
# Ratio of luminances of every text and what is behind it (WCAG 2): those below 4.5.
FAINT = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const parse = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const known = new Map();
    const rgba = (colour) => known.get(colour) ?? known.set(colour, parse(colour)).get(colour);
    const luminance = ([r, g, b]) => {
        const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        const [x, y, z] = [r, g, b].map((c) => linear(c / 255));
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const colour = rgba(getComputedStyle(one).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return rgba("white");
    };
    const found = new Set();
    for (const element of document.querySelectorAll("body *")) {
        if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
        if (element.closest("svg, script, style, noscript")) continue;
        const [a, b] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) found.add(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
    }
    return [...found];
}"""


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
def folder(request, tmp_path_factory):
    """The folder of the written report: planted and written once."""
    if not _once:
        monitored = request.getfixturevalue("monitored")
        _once["folder"] = tmp_path_factory.mktemp("report")
        report.write(monitored.engine, _once["folder"])
    return _once["folder"]


@pytest.fixture
def page(browser, folder):
    """A page that notes what goes wrong: on its console, with requests, and what is asked of other hosts."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.troubles = []
    opened.on("console", lambda m: opened.troubles.append(m.text) if m.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.on(
        "request",
        lambda asked: None if asked.url.startswith(("file:", "data:")) else opened.troubles.append(asked.url),
    )
    opened.at = lambda name: opened.goto((folder / f"{name}.html").as_uri())
    yield opened
    opened.close()


def _pages(folder) -> list[str]:
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.html"))


def test_every_page_opens_in_both_languages_is_no_wider_than_a_phone_and_is_legible(page, folder):
    page.set_viewport_size({"width": 360, "height": 740})
    names = _pages(folder)
    assert {f"{language}{name}" for name in PAGES for language in ("", "ne/")} <= set(names)
    for name in names:
        page.at(name)
        assert page.troubles == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
        assert page.evaluate(FAINT) == [], name
        nepali = name.startswith("ne/")
        assert page.evaluate("document.documentElement.lang") == ("ne" if nepali else "en")
        if nepali:
            assert page.evaluate(UNTRANSLATED) == [], name
            # A source's own title may be English alone.
            assert not re.search("[A-Za-z]{2}", page.title().partition(":")[0].replace("Statloom", "")), name


def test_in_the_dark_it_is_as_legible(page):
    page.emulate_media(color_scheme="dark")
    for name in (*PAGES, "sources/births", "gate/raw_births"):
        page.at(name)
        assert page.evaluate(FAINT) == [], name


def test_a_faint_or_untranslated_text_would_be_found(page):
    page.at("ne/index")
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<p id=planted>Forgotten words</p>')"
    )
    assert page.evaluate(UNTRANSLATED) == ["Forgotten words"]
    page.evaluate("document.getElementById('planted').style.color = '#999'")
    assert any(found.startswith("P.") for found in page.evaluate(FAINT))


def test_the_other_language_has_the_same_page(page):
    page.at("gate/raw_births")
    page.get_by_role("link", name="नेपाली").click()
    page.wait_for_url("**/ne/gate/raw_births.html")
    assert "जाँचद्वार" in page.locator("h1").inner_text()
    page.get_by_role("link", name="English").click()
    page.wait_for_url(lambda address: address.endswith("/gate/raw_births.html") and "/ne/" not in address)


def test_what_is_chosen_and_typed_narrows_a_list_by_keyboard(page):
    page.at("gate/raw_births")
    shown = page.locator("#expectations-table tbody tr:visible")
    assert shown.count() == 4
    page.get_by_label("State").focus()
    page.keyboard.type("failed")
    assert shown.count() == 1 and "total is at least 0" in shown.inner_text()
    assert page.locator(".count").inner_text() == "1 of 4"
    page.get_by_label("State").select_option("")
    page.get_by_label("Dimension").select_option("accuracy")
    assert shown.count() == 2
    page.get_by_label("Narrow the list").focus()
    page.keyboard.type("far")
    assert shown.count() == 1


def test_a_list_is_sorted_by_keyboard_in_nepali_numbers_too(page):
    page.at("ne/gates")
    column = "[...document.querySelectorAll('#gates-table tbody tr')].map(r => r.cells[10].textContent)"

    def numbers() -> list[int]:
        return [int(text) for text in page.evaluate(column)]

    button = page.locator("#gates-table th").nth(10).get_by_role("button")
    button.focus()
    page.keyboard.press("Enter")
    found = numbers()
    assert found == sorted(found, reverse=True) and len(set(found)) > 1
    page.keyboard.press("Enter")
    assert numbers() == sorted(found)
    assert page.locator("#gates-table th").nth(10).get_attribute("aria-sort") == "ascending"


def test_the_first_tab_leads_past_the_menu_and_what_has_the_focus_is_seen(page):
    page.at("index")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Skip to content"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_goal_chosen_among_gaps_leaves_its_series(page):
    page.at("data_gaps")
    page.get_by_role("link", name="8 Work").focus()
    page.keyboard.press("Enter")
    shown = page.locator("#gaps-table tbody tr:visible")
    assert shown.count() == 1 and "NP_INCOME" in shown.inner_text()
    page.get_by_label("Goal").select_option("")
    page.get_by_label("Source").select_option("births")
    assert shown.count() == 2


def test_states_are_told_by_shape_as_well_as_colour(page):
    page.at("index")
    cells = page.locator("#sources-table tbody tr").filter(has_text="Births").locator("td.l")
    shapes = cells.evaluate_all("cells => cells.map(c => getComputedStyle(c, '::before').content)")
    assert shapes == ['"●"', '"○"', '"■"', '"○"', '"○"', '"●"']
    assert cells.nth(2).text_content() == "failed"
    marks = page.locator("svg.strip path").evaluate_all("paths => paths.map(p => p.getAttribute('d'))")
    heights = {height for mark in marks for height in re.findall(r"v-(\d+)", mark)}
    assert len(heights) >= 3


def test_on_a_phone_a_row_is_a_card_whose_cells_are_named(page):
    page.set_viewport_size({"width": 360, "height": 740})
    page.at("held_back")
    cell = page.locator("#parts-table tbody td").nth(3)
    assert cell.evaluate("c => getComputedStyle(c, '::before').content") == '"Rows at fault"'
    menu = page.locator("details.menu")
    assert not menu.evaluate("menu => menu.open")
    page.locator("details.menu summary").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("link", name="Backup").is_visible()


def test_the_pages_forbid_every_request_to_another_host(page, folder):
    page.at("index")
    page.evaluate("document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/x.png' }))")
    page.wait_for_function("true")
    assert any("Content Security Policy" in trouble for trouble in page.troubles)
    for path in folder.rglob("*.html"):
        html = path.read_text()
        assert "default-src 'none'" in html, path
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', html), path
        assert " style=" not in html, path
