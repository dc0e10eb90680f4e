"""The formats of portals, GIS and office work: what of a release is made from its own tables."""

import dataclasses
import os
from pathlib import Path

from statloom.errors import StatloomError
from statloom.exports import geo, open_sdg, pages, shapes, workbooks
from statloom.exports.figures import Figures, Kept
from statloom.exports.model import About, Table
from statloom.places import boundaries
from statloom.places.topology import simplify

MAP_TOLERANCE = 0.006  # degrees, about 650 m: maps on a screen need no more


def write(here: Path, about: About, tables: list[Table], kept: Kept) -> None:
    """Write the Open SDG repository, GIS files, workbooks and pages into the release's folder ``here``, where
    all other files stand already.

    ``kept``: figures that are at hand. A country without boundaries has no GIS files and no map layers.
    """
    figures = Figures(here, tables, kept)
    full, thin = _shapes(figures)
    open_sdg.write(here, about, figures, thin)
    if full:
        geo.write(here, about, figures, full)
    workbooks.write(here, about, figures, workbook_levels(figures))
    pages.write(here, about, tables, figures, thin)


def _shapes(figures: Figures) -> tuple[shapes.Shapes | None, shapes.Shapes | None]:
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
