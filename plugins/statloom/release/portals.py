"""The formats of portals, GIS and office work: what of a release is made from its own tables."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from statloom.errors import StatloomError
from statloom.exports import checksums, geo, open_sdg, pages, shapes, workbooks
from statloom.exports.figures import Figures, Kept
from statloom.exports.model import About, File, Table
from statloom.exports.shapes import Shapes
from statloom.exports.words import WORDS, numbered
from statloom.places import boundaries
from statloom.places.topology import simplify

MAP_TOLERANCE = 0.006  # degrees, about 650 m: maps on a screen need no more


@dataclass(frozen=True)
class Made:
    """What was written: files over the whole release, and what pages show."""

    files: list[File]
    figures: Figures
    shapes: Shapes | None


def write(here: Path, about: About, tables: list[Table], kept: Kept) -> Made:
    """Write the Open SDG repository, GIS files and workbooks into the release's folder ``here``.

    ``kept``: figures that are at hand. A country without boundaries has no GIS files and no map layers.
    """
    figures = Figures(here, tables, kept)
    full, thin = _shapes(figures)
    open_sdg.write(here, about, figures, thin)
    files = []
    if full:
        for path in geo.write(here, about, figures, full):
            packed = path.suffix == ".gpkg"
            kind = geo.GEOPACKAGE_TYPE if packed else geo.GEOJSON_TYPE
            title = WORDS["format_geopackage"] if packed else numbered(WORDS["format_geojson"], path.stem)
            standard = geo.GEOPACKAGE_STANDARD if packed else geo.GEOJSON_STANDARD
            found = checksums.describe(here, path, kind)
            files.append(dataclasses.replace(found, title=title, conforms_to=standard))
    for path in workbooks.write(here, about, figures, workbook_levels(figures)):
        if path.parent.name == "goals":
            found = checksums.describe(here, path, workbooks.MEDIA_TYPE)
            title = numbered(WORDS["format_workbook"], path.stem)
            files.append(dataclasses.replace(found, title=title))
    return Made(files, figures, thin)


def write_pages(here: Path, about: About, tables: list[Table], made: Made) -> None:
    """Write the pages, once all other files of the release stand in ``here``."""
    pages.write(here, about, tables, made.figures, made.shapes)


def _shapes(figures: Figures) -> tuple[Shapes | None, Shapes | None]:
    """Return the boundaries of today's places, as they are and with fewer points."""
    vintages = {place.vintage for place in figures.places.values()}
    for vintage in sorted(vintages, reverse=True):
        if drawn := boundaries.load(vintage):
            thin = dataclasses.replace(drawn, arcs=[simplify(arc, MAP_TOLERANCE) for arc in drawn.arcs])
            full, thin = (
                shapes.read(edition.geojson()["features"], figures.places, drawn.source, drawn.licence)
                for edition in (drawn, thin)
            )
            return (full, thin) if full.by_place else (None, None)
    return None, None


def chosen_workbooks() -> str:
    """Return which places have a workbook in a release: their levels, separated by commas, or ``all``; empty
    for the country and what it is divided into first.
    """
    return os.environ.get("STATLOOM_WORKBOOKS", "")


def workbook_levels(figures: Figures, chosen: str | None = None) -> list[str]:
    """Return the levels of places that ``chosen`` names, the office's choice by default.

    Raises StatloomError for a level that no place has.
    """
    chosen = chosen_workbooks() if chosen is None else chosen
    if chosen == "all":
        return list(figures.levels)
    if not chosen:
        return list(dict.fromkeys(place.level for place in figures.places.values() if place.depth < 2))
    named = [name.strip() for name in chosen.split(",") if name.strip()]
    if unknown := [name for name in named if name not in figures.levels]:
        raise StatloomError(
            f"STATLOOM_WORKBOOKS or --level names {', '.join(unknown)}; places have the levels "
            f"{', '.join(figures.levels)}"
        )
    return named
