"""Boundaries of places: one TopoJSON file a boundary edition, beside the seeds of places.

``dbt_project/seeds/places/boundaries/<vintage>.topojson`` has a geometry for each place, whose ``id`` is the
place_id; coordinates are longitude and latitude (WGS 84). The members ``source`` and ``licence`` of the file
are shown wherever it is drawn. A country without such files has no maps and nothing else is missing.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from statloom import settings
from statloom.errors import StatloomError
from statloom.places.topology import Rings, area, simplify, walked

METRES_A_DEGREE = 111_195.0  # of latitude, on a sphere of the earth's mean radius


class BoundaryError(StatloomError):
    """A boundary file cannot be used. The text names the file and the reason."""


@dataclass(frozen=True, eq=False)
class Boundaries:
    """The boundaries of one edition.

    ``arcs``: arrays of points (longitude, latitude). ``polygons``: place_id → polygons, each a list of rings,
    the outer one first; a ring is a list of arc numbers, ``~n`` being arc ``n`` backwards.
    """

    vintage: str
    source: str
    licence: str
    sha256: str
    arcs: list[np.ndarray]
    polygons: dict[str, list[Rings]]

    def geojson(self, place_ids: Iterable[str] | None = None, properties: Callable | None = None) -> dict:
        """Return a GeoJSON FeatureCollection (RFC 7946) of the places, all by default.

        ``properties(place_id)`` gives a feature's properties, a dict. Places without a boundary are left out.
        """
        wanted = self.polygons if place_ids is None else [i for i in place_ids if i in self.polygons]
        return {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "id": place_id,
                    "properties": properties(place_id) if properties else {},
                    "geometry": self._geometry(place_id),
                }
                for place_id in wanted
            ],
        }

    def _geometry(self, place_id: str) -> dict:
        polygons = []
        for rings in self.polygons[place_id]:
            lines = [walked(self.arcs, ring) for ring in rings]
            # Outer rings run anticlockwise, holes clockwise.
            turned = [
                line if (area(line) > 0) == (number == 0) else line[::-1] for number, line in enumerate(lines)
            ]
            polygons.append([np.round(line, 6).tolist() for line in turned])
        if len(polygons) == 1:
            return {"type": "Polygon", "coordinates": polygons[0]}
        return {"type": "MultiPolygon", "coordinates": polygons}

    def borders(self, group_of: dict[str, str]) -> list[int]:
        """Return the arcs between places of different groups: given each place's district, of districts."""
        groups: dict[int, set[str]] = {}
        for arc, place_id in self._walks():
            groups.setdefault(arc, set()).add(group_of.get(place_id, ""))
        return sorted(arc for arc, found in groups.items() if len(found) > 1)

    def around(self) -> list[int]:
        """Return the arcs around all places together: those that one place alone has."""
        times = Counter(arc for arc, _ in self._walks())
        return sorted(arc for arc, count in times.items() if count == 1)

    def _walks(self) -> Iterator[tuple[int, str]]:
        for place_id, polygons in self.polygons.items():
            for number in (number for rings in polygons for ring in rings for number in ring):
                yield (number if number >= 0 else ~number), place_id

    def drawing(self, width: int, tolerance: float) -> tuple[list[np.ndarray], int]:
        """Return the arcs on a sheet ``width`` units wide, whole numbers, y downwards; and the sheet's
        height.

        Equirectangular, true to scale at the middle latitude. ``tolerance``: how far a border may be moved,
        in units of the sheet.
        """
        every = np.concatenate(self.arcs)
        low, high = every.min(axis=0), every.max(axis=0)
        squeeze = np.cos(np.radians((low[1] + high[1]) / 2))
        scale = width / max((high[0] - low[0]) * squeeze, 1e-9)
        factors = np.array([scale * squeeze, -scale])
        corner = np.array([low[0], high[1]])
        drawn = [np.rint(simplify((arc - corner) * factors, tolerance)).astype(int) for arc in self.arcs]
        return drawn, int(np.ceil((high[1] - low[1]) * scale))


def load(vintage: str, folder: Path | None = None) -> Boundaries | None:
    """Return the boundaries of ``vintage``; None when there is no file of them.

    ``folder``: that of the seeds of places. Raises BoundaryError when the file is no TopoJSON of polygons
    that have ids.
    """
    folder = folder if folder is not None else settings.load().dbt_project / "seeds" / "places"
    path = folder / "boundaries" / f"{vintage}.topojson"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        topology = json.loads(content)
        return Boundaries(
            vintage,
            str(topology.get("source", "")),
            str(topology.get("licence", "")),
            hashlib.sha256(content).hexdigest(),
            _arcs(topology),
            _polygons(topology),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise BoundaryError(f"{path}: is no TopoJSON of places' polygons: {error!r}") from error


def _arcs(topology: dict) -> list[np.ndarray]:
    arcs = [np.array(arc, dtype=float).reshape(len(arc), -1)[:, :2] for arc in topology["arcs"]]
    if any(len(arc) < 2 for arc in arcs):
        raise ValueError("an arc has fewer than two points")
    if "transform" in topology:
        scale, shift = (np.array(topology["transform"][key], dtype=float) for key in ("scale", "translate"))
        arcs = [np.cumsum(arc, axis=0) * scale + shift for arc in arcs]
    return arcs


def _polygons(topology: dict) -> dict[str, list[Rings]]:
    found: dict[str, list[Rings]] = {}
    count = len(topology["arcs"])
    for layer in topology["objects"].values():
        for geometry in layer["geometries"]:
            place_id, kind = geometry["id"], geometry["type"]
            if kind not in ("Polygon", "MultiPolygon"):
                raise ValueError(f"{place_id} is a {kind}, not a polygon")
            if not isinstance(place_id, str) or place_id in found:
                raise ValueError(f"the id {place_id!r} is no text, or is there twice")
            polygons = [geometry["arcs"]] if kind == "Polygon" else geometry["arcs"]
            numbers = [number for rings in polygons for ring in rings for number in ring]
            if not numbers or any(not -count <= number < count for number in numbers):
                raise ValueError(f"{place_id} names an arc that is not there")
            found[place_id] = polygons
    if not found:
        raise ValueError("it has no geometries")
    return found
