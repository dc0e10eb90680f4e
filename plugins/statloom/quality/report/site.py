"""Writes the quality report's pages. Each file is replaced whole, so that a reader never sees half a page."""

import json
import os
import shutil
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import jinja2
from sqlalchemy import Engine

from statloom import settings
from statloom.quality.report import map, summary, words
from statloom.quality.report.data import collect
from statloom.quality.report.places import METHODS, SHOWN, collect_places, load_registry, of_source
from statloom.quality.report.registry import facts as registry_facts
from statloom.quality.report.shading import ERROR_CLASSES, MADE
from statloom.warehouse.connection import engine as warehouse_engine

_HERE = Path(__file__).parent


PAGES = ("index", "gates", "quarantine", "places", "registry", "data_gaps", "publications")


def write(engine: Engine | None = None, folder: Path | None = None) -> Path:
    """Write the report of the warehouse's present state; return the path of its front page.

    Pages: those of ``PAGES``, ``sources/<source>.html``, ``places/<source>.html``; besides ``boundaries.js``
    (the maps' geometry, where the country has boundaries), ``report.json`` and ``summary.txt``.
    """
    folder = folder or settings.load().report
    engine = engine or warehouse_engine()
    report = collect(engine)
    report["places"] = collect_places(engine)
    registry, _ = load_registry()
    drawn, fault = map.load(registry, report["places"]["vintage"])
    report["boundaries"] = map.facts(drawn, fault, registry)
    report["registry"] = registry_facts(registry) if registry else None
    pages = _environment()
    for name in ("style.css", "page.js", "map.js"):
        _replace(folder / name, (_HERE / "static" / name).read_text(encoding="utf-8"))
    _write_geometry(folder / "boundaries.js", drawn, registry, report)
    for page in PAGES:
        html = pages.get_template(f"{page}.html.j2").render(report=report, page=page, root="")
        _replace(folder / f"{page}.html", html)
    for part in ("sources", "places"):
        template = pages.get_template({"sources": "source.html.j2", "places": "source_places.html.j2"}[part])
        kept = set()
        for source in report["sources"]:
            html = template.render(report=report, source=source, page=part, root="../")
            kept.add(_replace(folder / part / f"{source['source_id']}.html", html))
        for stale in set((folder / part).glob("*.html")) - kept:
            stale.unlink()
    _replace(
        folder / "report.json",
        json.dumps(_for_machines(report), default=_plain, indent=1, ensure_ascii=False),
    )
    _replace(folder / "summary.txt", summary.text(report))
    return folder / "index.html"


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


def _for_machines(report: dict) -> dict:
    """Return the report without what the marts have row by row."""
    places = {name: value for name, value in report["places"].items() if name != "made"}
    places["collisions"] = Counter(row["source_id"] for row in places["collisions"])
    return report | {"places": places}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = words.number
    environment.filters["share"] = words.share
    environment.filters["relative"] = words.relative
    environment.filters["signed"] = words.signed
    environment.filters["moment"] = _moment
    environment.filters["of_source"] = of_source
    environment.globals.update(METHODS=METHODS, MADE=MADE, ERROR_CLASSES=ERROR_CLASSES, SHOWN=SHOWN)
    return environment


def _replace(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(content, encoding="utf-8")
    shutil.copymode(path, fresh) if path.exists() else fresh.chmod(0o644)
    fresh.replace(path)
    return path


def _moment(value: datetime | None) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if value else "–"


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value)} has no JSON form here")
