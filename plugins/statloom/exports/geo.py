"""The latest figure of each series on today's places, for maps: GeoJSON and GeoPackage.

``geo/<level>.geojson`` (RFC 7946) has a feature for each place of a level; ``geo/figures.gpkg`` a layer for
each level, and tables. In both a series is a column, named by its code; where it has a standard error or a
coefficient of variation, these are ``<code>_se`` and ``<code>_cv``. A figure that is not there is null.
"""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from statloom.exports import geopackage
from statloom.exports.figures import Figures, Place
from statloom.exports.model import About, Dataset, Table
from statloom.exports.shapes import Shapes, collection, feature

FOLDER = "geo"
GEOJSON_TYPE = "application/geo+json"
GEOPACKAGE_TYPE = "application/geopackage+sqlite3"
GEOJSON_STANDARD = "https://www.rfc-editor.org/rfc/rfc7946"
GEOPACKAGE_STANDARD = "http://www.opengis.net/doc/IS/geopackage/1.3"
_ERRORS = ("se", "cv")


@dataclass(frozen=True)
class Column:
    """A column of a layer: the series and the part of its figures that stands in it, by place_id."""

    name: str
    dataset: Dataset
    part: str
    values: dict[str, float]


def write(folder: Path, about: About, figures: Figures, shapes: Shapes) -> list[Path]:
    """Write ``geo/`` into ``folder`` and return the paths of its files."""
    root = folder / FOLDER
    root.mkdir()
    latest = {table.name: newest(figures.totals(table)) for table in figures.tables}
    written, layers = [], {}
    for level in figures.levels:
        places = [
            place
            for place in figures.places.values()
            if place.level == level and place.place_id in shapes.by_place
        ]
        if not places:
            continue
        columns = _columns(figures.tables, latest, level)
        layers[level] = (places, columns)
        path = root / f"{level}.geojson"
        described = _series(about, figures.tables, latest, level)
        _geojson(path, about, places, columns, described, shapes)
        written.append(path)
    if layers:
        everywhere = [
            said | {"place_level": level}
            for level in layers
            for said in _series(about, figures.tables, latest, level)
        ]
        path = root / "figures.gpkg"
        long = pa.concat_tables(
            frame.append_column("series_code", pa.repeat(pa.scalar(name), len(frame)))
            for name, frame in latest.items()
        )
        geopackage.write(path, about, layers, everywhere, long, shapes)
        written.append(path)
    return written


def newest(totals: pa.Table) -> pa.Table:
    """Return of ``totals`` (figures of one series) each place's row of its last period."""
    if len(pc.unique(totals["period"])) < 2:
        return totals
    last = totals.group_by("place_id").aggregate([("period", "max")])
    joined = dict(zip(last["place_id"].to_pylist(), last["period_max"].to_pylist(), strict=True))
    wanted = [joined[place] for place in totals["place_id"].to_pylist()]
    return totals.filter(pc.equal(totals["period"], pa.array(wanted, pa.string())))


def _columns(tables: list[Table], latest: dict[str, pa.Table], level: str) -> list[Column]:
    found = []
    for table in tables:
        here = _at(latest[table.name], level)
        places = here["place_id"].to_pylist()
        for part in ("value", *_ERRORS):
            values = {
                place: value
                for place, value in zip(places, here[part].to_pylist(), strict=True)
                if value is not None
            }
            if values:
                name = table.name if part == "value" else f"{table.name}_{part}"
                found.append(Column(name, table.dataset, part, values))
    return found


def _at(frame: pa.Table, level: str) -> pa.Table:
    return frame.filter(pc.equal(frame["place_level"], level))


def _series(about: About, tables: list[Table], latest: dict[str, pa.Table], level: str) -> list[dict]:
    """Return what is to be known of each series at ``level``: names, unit, periods, sources, licence."""
    found = []
    for table in tables:
        here = _at(latest[table.name], level)
        if not len(here):
            continue
        dataset = table.dataset
        periods = pc.min_max(here["period"]).as_py()
        sources = {source.source_id: source for source in dataset.sources}
        used = [name for name in pc.unique(here["source_id"]).to_pylist() if name in sources]
        found.append(
            {
                "series_code": table.name,
                "title": table.title,
                "title_ne": table.title_ne,
                "indicator_code": dataset.indicator_code,
                "goal": dataset.goal,
                "unit": dataset.unit,
                "unit_ne": dataset.unit_ne,
                "first_period": periods["min"],
                "last_period": periods["max"],
                "places": len(here),
                "left_out": here["value"].null_count,
                "sources": "; ".join(f"{sources[name].title} ({sources[name].custodian})" for name in used),
                "licence": "; ".join(dict.fromkeys(sources[name].licence for name in used)),
                "definition": dataset.definition or dataset.description,
                "synthetic": dataset.synthetic,
            }
        )
    return found


def properties(place: Place) -> dict:
    """Return what a feature says of its place."""
    return {
        "place_id": place.place_id,
        "place_code": place.code,
        "place_name": place.name.en,
        "place_name_ne": place.name.ne,
        "place_level": place.level,
        "place_type": place.kind or None,
        "parent_id": place.parent_id,
    }


def _geojson(
    path: Path, about: About, places: list[Place], columns: list[Column], series: list[dict], shapes: Shapes
) -> None:
    features = [
        feature(
            {
                "id": place.place_id,
                "bbox": [round(value, 6) for value in shapes.by_place[place.place_id].bounds],
                "properties": properties(place)
                | {column.name: column.values.get(place.place_id) for column in columns},
            },
            shapes.by_place[place.place_id],
        )
        for place in places
    ]
    members = {
        "release": about.release_id,
        "issued": about.issued.isoformat(),
        "boundaries": {"source": shapes.source, "licence": shapes.licence},
        "series": series,
    }
    path.write_text(collection(members, features), encoding="utf-8")
