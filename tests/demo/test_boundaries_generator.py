"""The generator of boundaries: which place a polygon is, and how borders are simplified."""

import numpy as np
import pandas as pd
import pytest

from demo.generate import boundaries as generator
from statloom import places
from statloom.places.topology import area, walked

VINTAGE = generator.VINTAGE


def _features() -> list[dict]:
    """A feature for each of today's local units, as the package has them: own code, own name, no geometry."""
    found = places.load().places
    units = found[(found["place_vintage"] == VINTAGE) & (found["place_level"] == "local_unit")]
    names = found.set_index("place_id")["place_name"]
    features = []
    protected = {}
    for unit in units.itertuples():
        code = unit.place_id.split(":")[2]
        if code.startswith("X"):
            protected[int(code[1:])] = {
                "GaPa_NaPa": unit.place_name,
                "DISTRICT": names[unit.parent_id].upper(),
                "municipality_code": None,
                "key": None,
            }
        else:
            features.append(
                {"municipality_code": code, "key": unit.place_name, "GaPa_NaPa": None, "DISTRICT": None}
            )
    for position in sorted(protected):
        # Two units of the package are given in two parts, which makes room for the last positions.
        while len(features) < position:
            features.append(features[-1])
        features.insert(position, protected[position])
    return [{"properties": properties} for properties in features]


@pytest.fixture
def features():
    """The features of the package."""
    return _features()


def _of(features: list[dict], code: str) -> dict:
    return next(one["properties"] for one in features if one["properties"]["municipality_code"] == code)


def test_polygons_are_matched_by_code_where_the_names_agree(features):
    matched = generator.match(features)
    assert (matched["by"] == "code").all()
    assert len(matched) == len(features)
    assert matched["place_id"].nunique() == 775


def test_two_codes_exchanged_within_a_district_are_found_by_their_names(features):
    first, second = _of(features, "10105"), _of(features, "10102")
    first["key"], second["key"] = second["key"], first["key"]
    matched = generator.match(features)
    other = matched[matched["by"] != "code"].set_index("code")["place_id"].to_dict()
    assert other == {
        "10105": f"{VINTAGE}:local_unit:10102",
        "10102": f"{VINTAGE}:local_unit:10105",
    }


def test_a_unit_that_was_renamed_is_the_last_one_left_of_its_district(features):
    _of(features, "11405")["key"] = "Limchunbung"
    matched = generator.match(features)
    (other,) = matched[matched["by"] != "code"].to_dict("records")
    assert (other["place_id"], other["by"]) == (f"{VINTAGE}:local_unit:11405", "elimination")


def test_two_unknown_names_in_a_district_are_not_guessed_at(features):
    _of(features, "10105")["key"], _of(features, "10102")["key"] = "Qwxyzzz", "Vkjhgfd"
    with pytest.raises(SystemExit, match=r"2 polygons without a place: .*Qwxyzzz"):
        generator.match(features)


def _geometry(ring: np.ndarray) -> dict:
    return {"geometry": {"type": "Polygon", "coordinates": [ring.tolist()]}}


def test_borders_are_simplified_within_the_tolerance_and_stay_shared():
    steps = np.linspace(0, 1, 2000)
    # A border that swings by 22 m: too little to be kept.
    border = np.column_stack([85 + 0.0002 * np.sin(steps * 300), 27 + steps])
    west = np.vstack([[[84, 27]], border, [[84, 28], [84, 27]]])
    east = np.vstack([border[::-1], [[86, 27], [86, 28]], border[-1:]])
    matched = pd.DataFrame({"place_id": ["V:a:1", "V:a:2"]})
    topology = generator.build([_geometry(west), _geometry(east)], matched)
    assert topology["arcs"] and sum(map(len, topology["arcs"])) < 20
    arcs = [np.cumsum(np.array(arc), axis=0) * generator.GRID for arc in topology["arcs"]]
    rings = [geometry["arcs"][0] for geometry in topology["objects"]["places"]["geometries"]]
    assert sum(abs(area(walked(arcs, ring))) for ring in rings) == pytest.approx(2, abs=1e-9)


def test_a_unit_smaller_than_the_tolerance_keeps_its_area():
    tiny = np.array([[85, 27], [85.0004, 27], [85.0004, 27.0004], [85, 27.0004], [85, 27]])
    around = np.array([[84, 26], [86, 26], [86, 28], [84, 28], [84, 26]])
    matched = pd.DataFrame({"place_id": ["V:a:1", "V:a:2"]})
    holed = {"geometry": {"type": "Polygon", "coordinates": [around.tolist(), tiny[::-1].tolist()]}}
    topology = generator.build([holed, _geometry(tiny)], matched)
    arcs = [np.cumsum(np.array(arc), axis=0) * generator.GRID for arc in topology["arcs"]]
    small = topology["objects"]["places"]["geometries"][1]
    assert abs(area(walked(arcs, small["arcs"][0]))) > 0
