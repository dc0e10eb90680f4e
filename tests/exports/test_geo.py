"""GeoJSON and GeoPackage, read by geopandas."""

import json

import geopandas
import pandas as pd
import pytest
import shapely

from statloom.exports import geo
from tests.exports import portal_sample as sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("geo")
    figures, shapes, _ = sample.release(folder)
    geo.write(folder, sample.ABOUT, figures, shapes)
    return folder


@pytest.fixture(scope="module")
def places(folder):
    return pd.read_csv(folder / "places.csv", dtype=str)


def test_files_are_those_of_the_levels(folder):
    assert sorted(path.name for path in (folder / "geo").iterdir()) == [
        "country.geojson", "figures.gpkg", "province.geojson", "unit.geojson",
    ]  # fmt: skip


@pytest.mark.parametrize("level", ["country", "province", "unit"])
@pytest.mark.parametrize("form", ["geojson", "gpkg"])
def test_geopandas_reads_them_and_codes_join_without_remainder(folder, places, level, form):
    root = folder / "geo"
    path, more = (
        (root / f"{level}.geojson", {}) if form == "geojson" else (root / "figures.gpkg", {"layer": level})
    )
    read = geopandas.read_file(path, **more)
    assert read.crs.to_epsg() == 4326
    assert read.geometry.is_valid.all()
    here = places[(places["place_level"] == level) & (places["place_vintage"] == "V")]
    assert dict(zip(read["place_id"], read["place_code"], strict=True)) == dict(
        zip(here["place_id"], here["place_code"], strict=True)
    )
    wanted = {
        row["place_id"]: row["value"]
        for row in sample.series()["X_WATER"][1]
        if row["place_level"] == level
        and row["period"] == "2021"
        and row["sex"] == row["cust_breakdown"] == "_T"
    }
    got = dict(zip(read["place_id"], read["X_WATER"], strict=True))
    assert got.keys() == wanted.keys()
    for place, value in wanted.items():
        assert pd.isna(got[place]) if value is None else got[place] == value
    assert (read.loc[read["X_WATER"].notna(), "X_WATER_se"] == 2).all()
    # The monthly figure of the nation is older than its year's: 2021-05 is after 2021 as texts go.
    assert (read["X_WELLS"] > 0).all()


def test_wider_places_are_made_of_their_units(folder):
    read = {
        level: geopandas.read_file(folder / "geo" / f"{level}.geojson").set_index("place_id")
        for level in ("country", "province", "unit")
    }
    assert read["country"].geometry.iloc[0].area == pytest.approx(read["unit"].geometry.area.sum())
    first = read["province"].geometry["V:province:1"]
    assert first.equals(shapely.union_all(read["unit"].geometry[["V:unit:11", "V:unit:12"]].tolist()))


def test_geojson_keeps_rfc_7946(folder):
    found = json.loads((folder / "geo" / "unit.geojson").read_text())
    assert "crs" not in found
    for feature in found["features"]:
        (ring,) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1] and shapely.LinearRing(ring).is_ccw
        assert feature["id"] == feature["properties"]["place_id"]
        assert all(len(str(number).partition(".")[2]) <= 6 for point in ring for number in point)
    water = next(said for said in found["series"] if said["series_code"] == "X_WATER")
    assert (water["unit"], water["unit_ne"], water["title_ne"]) == ("Per cent", "प्रतिशत", "पानी")
    assert (water["first_period"], water["last_period"], water["left_out"]) == ("2021", "2021", 1)
    assert water["sources"] == "A census (Bureau)"


def test_geopackage_has_tables_of_series_and_figures(folder):
    path = folder / "geo" / "figures.gpkg"
    series = geopandas.read_file(path, layer="series")
    assert set(series["series_code"]) == {"X_WATER", "X_WELLS", "X_TOILET"}
    assert set(series["place_level"]) == {"country", "province", "unit"}
    figures = geopandas.read_file(path, layer="figure")
    left_out = figures[figures["value"].isna()]
    assert left_out[["place_id", "obs_status"]].to_numpy().tolist() == [["V:unit:22", "Q"]]


def test_the_same_figures_give_the_same_bytes(folder, tmp_path):
    figures, shapes, _ = sample.release(tmp_path / "again")
    geo.write(tmp_path / "again", sample.ABOUT, figures, shapes)
    for path in sorted((folder / "geo").iterdir()):
        assert path.read_bytes() == (tmp_path / "again" / "geo" / path.name).read_bytes(), path.name
