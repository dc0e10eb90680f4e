"""The geometry of the maps, once for the whole site: a script, so that pages work opened from a file."""

import json
from typing import Any

import numpy as np

from statloom.places import Registry, boundaries
from statloom.places.boundaries import Boundaries, BoundaryError
from statloom.quality.report.shading import depths, is_true

WIDTH = 4000  # units of the sheet; a screen shows about a third of them
TOLERANCE = 2.0  # units by which a border may be moved: less than a pixel
SKETCH = 1  # raised whenever the script's content changes though the boundaries do not


def load(registry: Registry | None, vintage: str | None) -> tuple[Boundaries | None, str | None]:
    """Return the boundaries of ``vintage``, or None and what is wrong with them, if anything is."""
    if registry is None or vintage is None:
        return None, None
    try:
        return boundaries.load(vintage, registry.folder), None
    except BoundaryError as error:
        return None, str(error)


def facts(drawn: Boundaries | None, fault: str | None, registry: Registry | None) -> dict[str, Any]:
    """Return what the report says of the boundaries.

    Keys: ``there``, ``fault``, ``source``, ``licence``, ``units`` (statistical places drawn), ``others``,
    ``without`` (places of a level that is drawn which have no boundary), ``unknown`` (ids of no place).
    """
    if drawn is None or registry is None:
        return {"there": False, "fault": fault}
    places = registry.places.set_index("place_id")
    known = [place_id for place_id in drawn.polygons if place_id in places.index]
    statistical = places["is_statistical"].map(is_true)
    levels = set(places.loc[known, "place_level"])
    expected = places[
        (places["place_vintage"] == drawn.vintage) & places["place_level"].isin(levels) & statistical
    ]
    return {
        "there": bool(known),
        "fault": None if known else f"no boundary of {drawn.vintage} has the id of a place of the registry",
        "source": drawn.source,
        "licence": drawn.licence,
        "units": int(statistical[known].sum()),
        "others": int((~statistical[known]).sum()),
        "without": [
            {"place_id": place_id, "name": name}
            for place_id, name in expected["place_name"].items()
            if place_id not in drawn.polygons
        ],
        "unknown": sorted(set(drawn.polygons) - set(known)),
    }


def key(drawn: Boundaries, registry: Registry) -> str:
    """Return what the script's content depends on; it is the script's first line."""
    return f"// {drawn.sha256} {registry.fingerprint} {SKETCH}"


def script(drawn: Boundaries, registry: Registry) -> str:
    """Return the script that defines ``statloomMap``: the sheet's size, arcs as steps, units and borders."""
    arcs, height = drawn.drawing(WIDTH, TOLERANCE)
    places = registry.places
    position = dict(zip(places["place_id"], places["position"], strict=True))
    ids = places["place_id"].to_numpy()
    levels = places["place_level"].to_numpy()
    above: dict[int, list[int]] = {}
    for lower, higher in registry.ancestors[["position", "ancestor"]].itertuples(index=False, name=None):
        above.setdefault(lower, []).append(higher)
    known = {place_id: position[place_id] for place_id in drawn.polygons if place_id in position}
    depth = depths(registry, drawn.vintage)
    drawn_levels = {levels[number] for number in known.values()}
    between = sorted(set(depth) - drawn_levels, key=lambda level: -depth[level])
    content = {
        "width": WIDTH,
        "height": height,
        "source": drawn.source,
        "licence": drawn.licence,
        "arcs": [np.diff(arc, axis=0, prepend=[[0, 0]]).ravel().tolist() for arc in arcs],
        "units": {
            place_id: {
                "name": places["place_name"].iat[number],
                "statistical": is_true(places["is_statistical"].iat[number]),
                "within": [str(ids[one]) for one in above.get(number, [])],
                "arcs": [ring for rings in drawn.polygons[place_id] for ring in rings],
            }
            for place_id, number in known.items()
        },
        "borders": [
            drawn.borders(
                {place_id: _at(above, number, levels, ids, level) for place_id, number in known.items()}
            )
            for level in between
            if depth[level]
        ],
        "around": drawn.around(),
    }
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return f"{key(drawn, registry)}\nwindow.statloomMap = {text};\n"


def _at(above: dict[int, list[int]], number: int, levels: np.ndarray, ids: np.ndarray, level: str) -> str:
    return next((str(ids[one]) for one in above.get(number, []) if levels[one] == level), "")
