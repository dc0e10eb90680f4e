"""Writes the quality report's pages. Each file is replaced whole, so that a reader never sees half a page."""

import json
import os
import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import jinja2
from sqlalchemy import Engine

from statloom import settings
from statloom.quality.report import summary, words
from statloom.quality.report.data import collect
from statloom.warehouse.connection import engine as warehouse_engine

_HERE = Path(__file__).parent


def write(engine: Engine | None = None, folder: Path | None = None) -> Path:
    """Write the report of the warehouse's present state; return the path of its front page.

    Pages: ``index.html``, ``sources/<source>.html``, ``gates.html``, ``quarantine.html``, ``places.html``,
    ``data_gaps.html``, ``publications.html``; besides ``report.json`` and ``summary.txt``.
    """
    folder = folder or settings.load().report
    report = collect(engine or warehouse_engine())
    pages = _environment()
    _replace(folder / "style.css", (_HERE / "static" / "style.css").read_text())
    _replace(folder / "filter.js", (_HERE / "static" / "filter.js").read_text())
    for page in ("index", "gates", "quarantine", "places", "data_gaps", "publications"):
        html = pages.get_template(f"{page}.html.j2").render(report=report, page=page, root="")
        _replace(folder / f"{page}.html", html)
    kept = set()
    for source in report["sources"]:
        html = pages.get_template("source.html.j2").render(
            report=report, source=source, page="source", root="../"
        )
        kept.add(_replace(folder / "sources" / f"{source['source_id']}.html", html))
    for stale in set((folder / "sources").glob("*.html")) - kept:
        stale.unlink()
    _replace(folder / "report.json", json.dumps(report, default=_plain, indent=1, ensure_ascii=False))
    _replace(folder / "summary.txt", summary.text(report))
    return folder / "index.html"


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
    environment.filters["moment"] = _moment
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
