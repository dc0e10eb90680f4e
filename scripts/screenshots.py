"""Makes the pictures of the quality report in docs/images from a written report, with Chromium.

.venv/bin/python scripts/screenshots.py [--report .statloom/report] [--into docs/images]
"""

import argparse
import shutil
from pathlib import Path

_ERROR = "their error from being divided"
# File → page of the report, width and height of the window, and what is done first.
PICTURES = {
    "quality-report.png": ("index.html", 1280, 1200, None),
    "quality-report-phone.png": ("ne/index.html", 360, 740, None),
    "quality-report-gate.png": ("gate/marts_marts.html", 1280, 900, None),
    "quality-report-gaps.png": ("data_gaps.html", 1280, 860, None),
    "quality-report-places.png": ("places/census_2011_toilet.html", 1000, 700, _ERROR),
}


def take(report: Path, into: Path) -> list[Path]:
    """Write the pictures of ``report`` to the folder ``into``; return their paths."""
    from playwright.sync_api import sync_playwright

    programs = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    into.mkdir(parents=True, exist_ok=True)
    made = []
    with sync_playwright() as engine:
        browser = engine.chromium.launch(
            executable_path=next(filter(None, programs), None), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, (page_name, width, height, chosen) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto((report / page_name).resolve().as_uri())
            if chosen:
                page.get_by_label(chosen).check()
                page.locator(".map svg").scroll_into_view_if_needed()
            made.append(into / name)
            page.screenshot(path=made[-1])
            page.close()
        browser.close()
    return made


def main() -> None:
    """Read the options and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path, default=Path(".statloom/report"))
    parser.add_argument("--into", type=Path, default=Path("docs/images"))
    chosen = parser.parse_args()
    for path in take(chosen.report, chosen.into):
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
