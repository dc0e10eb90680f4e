"""Writes the quality report's pages. Each file is replaced whole, so that a reader never sees half a page."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from statloom import settings
from statloom.quality.report import look, map, summary
from statloom.quality.report.attention import SENTENCES
from statloom.quality.report.data import collect
from statloom.quality.report.places import collect_places, load_registry
from statloom.quality.report.registry import facts as registry_facts
from statloom.quality.report.words import LANGUAGES, Words
from statloom.warehouse.connection import engine as warehouse_engine

SCHEMA = Path(__file__).with_name("report.schema.json")
"""JSON Schema of ``report.json``."""

_HERE = Path(__file__).parent
_PARTS = ("sources", "places", "gate", "publication")  # folders of pages: one a source, gate, publication


def write(engine: Engine | None = None, folder: Path | None = None) -> Path:
    """Write the report of the warehouse's present state; return the path of its front page.

    Pages: those of ``look.PAGES``, ``sources/<source>.html``, ``places/<source>.html``,
    ``gate/<gate>_<subject>.html``, ``publication/<number>.html``, all of them in Nepali below ``ne/``;
    besides ``boundaries.js`` (the maps' geometry, where the country has boundaries), ``report.json`` with its
    schema, and ``summary.txt``.
    """
    folder = folder or settings.load().report
    engine = engine or warehouse_engine()
    report = collect(engine)
    report["places"] = collect_places(engine)
    registry, _ = load_registry()
    drawn, fault = map.load(registry, report["places"]["vintage"])
    report["boundaries"] = map.facts(drawn, fault, registry)
    report["registry"] = registry_facts(registry) if registry else None
    for name in ("style.css", "page.js", "map.js"):
        _replace(folder / name, (_HERE / "static" / name).read_text(encoding="utf-8"))
    _write_geometry(folder / "boundaries.js", drawn, registry, report)
    for language in LANGUAGES:
        _write_pages(folder, report, Words(language))
    _replace(
        folder / "report.json",
        json.dumps(for_machines(report), default=_plain, ensure_ascii=False),
    )
    _replace(folder / SCHEMA.name, SCHEMA.read_text(encoding="utf-8"))
    _replace(folder / "summary.txt", summary.text(report))
    return folder / "index.html"


def pages(report: dict[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    """Yield the path of every page of one language, below that language's folder, and its HTML."""
    templates = look.environment(words, report)
    to_site = "" if words.language == "en" else "../"

    def render(template: str, path: str, page: str, **values: Any) -> tuple[str, str]:
        root = "../" * path.count("/")
        assets = root + to_site
        other = f"{assets}ne/{path}" if words.language == "en" else f"{assets}{path}"
        html = templates.get_template(f"{template}.html.j2").render(
            page=page, root=root, assets=assets, other=other, **values
        )
        return path, html

    for page in look.PAGES:
        yield render(page, f"{page}.html", page)
    for source in report["sources"]:
        name = source["source_id"]
        yield render("source", f"sources/{name}.html", "sources", source=source)
        yield render("source_places", f"places/{name}.html", "places_of_source", source=source)
    for gate in report["gates"]:
        yield render("gate", f"gate/{gate['gate']}_{gate['subject']}.html", "gate", gate=gate)
    for publication in report["publications"]:
        path = f"publication/{publication['publication_id']}.html"
        yield render("publication", path, "publication", publication=publication)


def _write_pages(folder: Path, report: dict[str, Any], words: Words) -> None:
    top = folder if words.language == "en" else folder / words.language
    written = {_replace(top / path, html) for path, html in pages(report, words)}
    for part in _PARTS:
        for stale in set((top / part).glob("*.html")) - written:
            stale.unlink()


def for_machines(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report without what the marts have row by row; a source names its gate by its number."""
    sources = [
        source | {"gate": source["gate"]["gate_run_id"] if source["gate"] else None}
        for source in report["sources"]
    ]
    words = Words()
    needed = [
        row | {"said": words.text(SENTENCES[row["kind"]], **row["numbers"])} for row in report["attention"]
    ]
    places = {name: value for name, value in report["places"].items() if name != "made"}
    places["collisions"] = Counter(row["source_id"] for row in places["collisions"])
    return report | {"places": places, "sources": sources, "attention": needed}


def _write_geometry(path: Path, drawn, registry, report: dict) -> None:
    """Write the maps' geometry, unless it is there already: it changes only when the places do."""
    if not report["boundaries"]["there"]:
        path.unlink(missing_ok=True)
        return
    if path.exists():
        with path.open(encoding="utf-8") as file:
            if file.readline().rstrip("\n") == map.key(drawn, registry):
                return
    _replace(path, map.script(drawn, registry))


def _replace(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(content, encoding="utf-8")
    shutil.copymode(path, fresh) if path.exists() else fresh.chmod(0o644)
    fresh.replace(path)
    return path


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value)} has no JSON form here")
