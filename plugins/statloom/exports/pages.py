"""The pages of a release for people: README.md, an index with search, and a page for each dataset.

``index.html`` and ``datasets/<code>.html`` are English, ``index.ne.html`` and ``datasets/<code>.ne.html``
Nepali. They ask nothing of any other host, and open from a folder as well as from a server.
"""

import shutil
from pathlib import Path

from statloom.exports import microdata_page, page_content, page_drawing
from statloom.exports.figures import Figures
from statloom.exports.model import LANGUAGES, About, File, Table, Text
from statloom.exports.rendering import common, ends, template
from statloom.exports.shapes import Shapes
from statloom.exports.words import WORDS, numbered

HERE = Path(__file__).parent
NOTES = (
    "Each file is one series: one row for a place, a period, a breakdown and a source.",
    "`value` is in the series' unit; `numerator` and `denominator` are the counts behind a share or rate.",
    "`preferred` marks the figure to use where several sources give one.",
    "`obs_status`: A as reported, E apportioned to today's places, U of low reliability, M missing, "
    "O held back by a check, "
    "Q left out to protect respondents; `comment` says why.",
    "`place_id` leads to `places.csv`, which has each place's code, level and parent; join boundaries by "
    "`place_code` within one `place_level` and `place_vintage`.",
    "In CSV, a text that a spreadsheet would take for a formula has an apostrophe before it.",
    "Check the files with `sha256sum -c SHA256SUMS`, "
    "and their structure with `frictionless validate datapackage.json`.",
)
HEADS = ("series", "title", "unit", "periods", "cells", "left out", "licence", "files")
_WHOLE = {
    "changes.html": "format_changes",
    "datapackage.json": "format_package",
    "catalogue.json": "format_catalogue",
    "geo/figures.gpkg": "format_geopackage",
    "workbooks": "format_workbooks",
    "open_sdg": "format_open_sdg",
    "places.csv": "format_places",
    "series.csv": "format_series",
}


def write(
    folder: Path,
    about: About,
    tables: list[Table],
    figures: Figures | None = None,
    shapes: Shapes | None = None,
) -> None:
    """Write the pages into ``folder``, where the other files of the release stand already: pages name them.

    ``figures``: those of ``tables``, where they are at hand; ``shapes``: simplified boundaries for maps.
    """
    figures = figures or Figures(folder, tables)
    (folder / "README.md").write_text(_markdown(about, tables), encoding="utf-8")
    shown = [table for table in tables if table.dataset]
    assets = folder / "assets"
    assets.mkdir(exist_ok=True)
    for name in ("datasets.css", "datasets.js"):
        shutil.copyfile(HERE / "static" / name, assets / name)
    drawn = page_drawing.boundaries(figures, shapes) if shapes else None
    if drawn:
        (assets / "boundaries.js").write_text(drawn.script, encoding="utf-8")
    (folder / "datasets").mkdir(exist_ok=True)
    page, index = (template(f"datasets_{name}") for name in ("page", "index"))
    whole = _whole(folder)
    read = {table.name: page_content.read(figures, table, drawn) for table in shown}
    for language in LANGUAGES:
        given = common(language) | {
            "about": about,
            "column": lambda name, language=language: about.metadata.column(name).in_(language),
        }
        end, turned = ends(language)
        for table in shown:
            content = page_content.content(about, figures, table, read[table.name], drawn, shapes, language)
            text = page.render(
                **given,
                **content,
                root="../",
                index=f"index{end}",
                turned=f"{table.name}{turned}",
                formats=_in(language, folder, _formats(folder, table, whole)),
            )
            (folder / "datasets" / f"{table.name}{end}").write_text(text, encoding="utf-8")
        text = index.render(
            **given,
            root="",
            turned=f"index{turned}",
            goals=page_content.goals(about, shown),
            datasets=[page_content.entry(about, table, figures, language, end) for table in shown],
            formats=_in(language, folder, whole),
        )
        (folder / f"index{end}").write_text(text, encoding="utf-8")


def _whole(folder: Path) -> list[tuple[str, Text]]:
    """Return the files and folders over the whole release that are there, with their titles."""
    found = [(path, WORDS[word]) for path, word in _WHOLE.items() if (folder / path).is_file()]
    for name, first in (("workbooks", "goals"), ("open_sdg", "config_data.yml")):
        inside = folder / name / first
        if inside.is_file():
            found.append((f"{name}/{first}", WORDS[_WHOLE[name]]))
        elif inside.is_dir():
            found += [
                (f"{name}/{first}/{path.name}", numbered(WORDS["format_workbook"], path.stem))
                for path in sorted(inside.iterdir(), key=lambda path: path.stem.zfill(3))
            ]
    found += [
        (f"geo/{path.name}", numbered(WORDS["format_geojson"], path.stem))
        for path in sorted((folder / "geo").glob("*.geojson"))
    ]
    found += microdata_page.pages(folder)
    return [*found, ("SHA256SUMS", WORDS["format_checksums"])]


def _in(language: str, folder: Path, formats: list[tuple[str, Text]]) -> list[tuple[str, Text]]:
    """Return ``formats`` with the Nepali page in place of the English one where there is one."""
    if language == "en":
        return formats
    own = {path: path.replace(".html", f".{language}.html") for path, _ in formats if path.endswith(".html")}
    return [(own[path] if path in own and (folder / own[path]).is_file() else path, t) for path, t in formats]


def _formats(folder: Path, table: Table, whole: list[tuple[str, Text]]) -> list[tuple[str, Text]]:
    """Return the files of the whole release that have the figures of ``table`` too."""
    goal = f"workbooks/goals/{table.dataset.goal or 'other'}.xlsx"
    found = [(goal, WORDS["format_workbook"])] if (folder / goal).is_file() else []
    return found + [(path, title) for path, title in whole if not path.startswith("workbooks/")]


def _lead(about: About) -> str:
    return (
        f"Release {about.release_id} of {about.issued.isoformat()}, from publication {about.publication_id}."
    )


def _files(table: Table) -> list[tuple[str, File]]:
    """Return the label (``csv``, ``csv.gz``, ``parquet``) and the file of each form of ``table``."""
    return [(f.path[len(f"data/{table.name}.") :], f) for f in (table.file, table.parquet) if f]


def _row(table: Table) -> tuple[str, ...]:
    """Return the texts under all ``HEADS`` but the last."""
    dataset = table.dataset
    return (
        dataset.code,
        table.title,
        dataset.unit,
        page_content.periods(dataset),
        f"{dataset.cells:,}",
        f"{dataset.cells_suppressed:,}",
        ", ".join(dataset.licences),
    )


def _markdown(about: About, tables: list[Table]) -> str:
    lines = [f"# {about.title}", "", _lead(about), about.description, ""]
    lines += [f"- {note}" for note in NOTES]
    lines += ["", "| " + " | ".join(HEADS) + " |", "|" + " --- |" * len(HEADS)]
    for table in tables:
        if table.dataset:
            files = ", ".join(f"[{label}]({file.path})" for label, file in _files(table))
            cells = [cell.replace("|", "\\|").replace("\n", " ") for cell in _row(table)]
            lines.append("| " + " | ".join([*cells, files]) + " |")
    return "\n".join(lines) + "\n"
