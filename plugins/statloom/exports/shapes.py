"""Boundaries of places for GIS formats: units, and the wider places that they make up."""

import json
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import shape

from statloom.exports.figures import Place

DIGITS = 6  # of degrees: 0.1 m


@dataclass(frozen=True)
class Shapes:
    """Polygons by place_id (longitude and latitude, WGS 84; outer rings anticlockwise), with their source."""

    source: str
    licence: str
    by_place: dict[str, shapely.Geometry]


def read(features: list[dict], places: dict[str, Place], source: str, licence: str) -> Shapes:
    """Return the shapes of the GeoJSON ``features`` (whose ``id`` is a place_id), and of the places that
    they are part of, which are put together from them. Features of unknown places are left out.
    """
    units = {feature["id"]: shape(feature["geometry"]) for feature in features if feature["id"] in places}
    return build(units, places, source, licence)


def build(units: dict[str, shapely.Geometry], places: dict[str, Place], source: str, licence: str) -> Shapes:
    """Return ``units`` and, put together from their parts, every wider place without a shape of its own."""
    found = dict(units)
    for depth in sorted({place.depth for place in places.values()}, reverse=True):
        parts: dict[str, list[shapely.Geometry]] = {}
        for place in places.values():
            if place.depth == depth and place.parent_id in places and place.place_id in found:
                parts.setdefault(place.parent_id, []).append(found[place.place_id])
        for parent, members in parts.items():
            if parent not in found:
                found[parent] = _joined(np.array(members, dtype=object))
    kept = np.array(list(found.values()), dtype=object)
    kept = shapely.orient_polygons(_polygons(kept)) if len(kept) else kept
    by_place = dict(zip(found, kept, strict=True))
    return Shapes(source, licence, {place_id: by_place[place_id] for place_id in places if place_id in found})


def _polygons(shapes: np.ndarray) -> np.ndarray:
    """Return ``shapes`` valid, without the lines and points that mending leaves."""
    bad = ~shapely.is_valid(shapes)
    if bad.any():
        mended = [
            shapely.union_all([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])
            for shape in shapely.make_valid(shapes[bad])
        ]
        shapes = shapes.copy()
        shapes[bad] = mended
    return shapes


def _joined(members: np.ndarray) -> shapely.Geometry:
    try:
        return shapely.coverage_union_all(members)
    except shapely.errors.GEOSException:  # neighbours that overlap, as borders made by hand do
        return shapely.union_all(shapely.make_valid(members))


def feature(members: dict, polygon: shapely.Geometry) -> str:
    """Return a GeoJSON feature (RFC 7946) as text: ``members`` and the geometry of ``polygon``."""
    parts = shapely.get_parts(polygon)
    text = shapely.to_geojson(parts[0] if len(parts) == 1 else polygon)
    head = json.dumps({"type": "Feature", **members}, ensure_ascii=False, separators=(",", ":"))
    return f'{head[:-1]},"geometry":{text}}}'


def collection(members: dict, features: list[str]) -> str:
    """Return a GeoJSON feature collection as text."""
    head = json.dumps({"type": "FeatureCollection", **members}, ensure_ascii=False, separators=(",", ":"))
    listed = ",\n".join(features)
    return f'{head[:-1]},"features":[\n{listed}\n]}}\n'
