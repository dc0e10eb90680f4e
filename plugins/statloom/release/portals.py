"""The formats of portals, GIS and office work: what of a release is made from its own tables."""

import dataclasses
from pathlib import Path

from statloom.exports import geo, open_sdg, shapes
from statloom.exports.figures import Figures, Kept
from statloom.exports.model import About, Table
from statloom.places import boundaries
from statloom.places.topology import simplify

MAP_TOLERANCE = 0.006  # degrees, about 650 m: maps on a screen need no more


def write(here: Path, about: About, tables: list[Table], kept: Kept) -> None:
    """Write the Open SDG repository and the GIS files into the release's folder ``here``.

    ``kept``: figures that are at hand. A country without boundaries has no GIS files and no map layers.
    """
    figures = Figures(here, tables, kept)
    full, thin = _shapes(figures)
    open_sdg.write(here, about, figures, thin)
    if full:
        geo.write(here, about, figures, full)


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
