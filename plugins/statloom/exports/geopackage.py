"""GeoPackage 1.3, written with SQLite: a layer of polygons for each level, and tables of what they show.

Written here and not by GDAL so that the same figures give the same bytes: the only time in the file is the
release's date. Layers: the levels of places. Tables: ``series`` (names, units, periods and sources of the
columns, by level) and ``figure`` (the same figures as rows, with their status).
"""

import sqlite3
import struct
from pathlib import Path

import pyarrow as pa
import shapely

from statloom.exports.model import About
from statloom.exports.shapes import Shapes

_WGS84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",'
    '0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],'
    'AUTHORITY["EPSG","4326"]]'
)
_TABLES = """
pragma application_id = 1196444487;
pragma user_version = 10300;
create table gpkg_spatial_ref_sys (srs_name text not null, srs_id integer not null primary key,
    organization text not null, organization_coordsys_id integer not null, definition text not null,
    description text);
create table gpkg_contents (table_name text not null primary key, data_type text not null,
    identifier text unique, description text default '', last_change datetime not null,
    min_x double, min_y double, max_x double, max_y double,
    srs_id integer references gpkg_spatial_ref_sys (srs_id));
create table gpkg_geometry_columns (table_name text not null references gpkg_contents (table_name),
    column_name text not null, geometry_type_name text not null,
    srs_id integer not null references gpkg_spatial_ref_sys (srs_id), z tinyint not null, m tinyint not null,
    primary key (table_name, column_name), unique (table_name));
create table gpkg_extensions (table_name text, column_name text, extension_name text not null,
    definition text not null, scope text not null, unique (table_name, column_name, extension_name));
create table gpkg_data_columns (table_name text not null, column_name text not null, name text, title text,
    description text, mime_type text, constraint_name text, primary key (table_name, column_name),
    unique (table_name, name));
"""
_FIGURE = (
    "place_id",
    "place_level",
    "series_code",
    "period",
    "value",
    "se",
    "cv",
    "obs_status",
    "source_id",
    "comment",
)


def write(
    path: Path, about: About, layers: dict[str, tuple], series: list[dict], figures: pa.Table, shapes: Shapes
) -> None:
    """Write the file.

    ``layers``: places and columns of each level, as ``statloom.exports.geo`` has them; ``series``: one row a
    series and level; ``figures``: the latest figures as rows.
    """
    from statloom.exports.geo import properties

    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.executescript("pragma journal_mode = off; pragma synchronous = off; begin;" + _TABLES)
        connection.executemany(
            "insert into gpkg_spatial_ref_sys values (?, ?, ?, ?, ?, ?)",
            [
                ("Undefined cartesian SRS", -1, "NONE", -1, "undefined", None),
                ("Undefined geographic SRS", 0, "NONE", 0, "undefined", None),
                ("WGS 84", 4326, "EPSG", 4326, _WGS84, "longitude, latitude"),
            ],
        )
        changed = f"{about.issued.isoformat()}T00:00:00.000Z"
        connection.execute(
            "insert into gpkg_extensions values ('gpkg_data_columns', null, 'gpkg_schema', "
            "'http://www.geopackage.org/spec121/#extension_schema', 'read-write')"
        )
        for level, (places, columns) in layers.items():
            rows = [
                [
                    _blob(shapes.by_place[place.place_id]),
                    *properties(place).values(),
                    *(column.values.get(place.place_id) for column in columns),
                ]
                for place in places
            ]
            names = [*properties(places[0]), *(column.name for column in columns)]
            kinds = dict.fromkeys((column.name for column in columns), "double")
            title = about.metadata.label("place_level", level)
            bounds = shapely.total_bounds([shapes.by_place[place.place_id] for place in places])
            _table(connection, level, ["geom", *names], {"geom": "multipolygon", **kinds}, rows)
            said = f"Latest figures by {title.lower()}. Boundaries: {shapes.source} ({shapes.licence})"
            connection.execute(
                "insert into gpkg_contents values (?, 'features', ?, ?, ?, ?, ?, ?, ?, 4326)",
                (level, level, said, changed, *map(float, bounds)),
            )
            connection.execute(
                "insert into gpkg_geometry_columns values (?, 'geom', 'MULTIPOLYGON', 4326, 0, 0)", (level,)
            )
            connection.executemany(
                "insert into gpkg_data_columns values (?, ?, ?, ?, ?, null, null)",
                [
                    (level, c.name, _alias(c), _alias(c), c.dataset.unit if c.part != "cv" else "share")
                    for c in columns
                ],
            )
        _attributes(connection, "series", series, changed, "What the columns of the layers are, by level")
        rows = figures.select(_FIGURE).sort_by(
            [("series_code", "ascending"), ("place_level", "ascending"), ("place_id", "ascending")]
        )
        _attributes(
            connection, "figure", rows.to_pylist(), changed, "The latest figures as rows, with their status"
        )
        connection.execute("commit")
    finally:
        connection.close()


def _alias(column) -> str:
    part = {"value": "", "se": ", standard error", "cv": ", coefficient of variation"}[column.part]
    return f"{column.dataset.title} ({column.dataset.unit}{part}) {column.dataset.code}"


def _attributes(connection: sqlite3.Connection, name: str, rows: list[dict], changed: str, said: str) -> None:
    if not rows:
        return
    kinds = {
        key: "double" if isinstance(value, float) else "integer" if isinstance(value, int) else "text"
        for row in rows
        for key, value in row.items()
        if value is not None
    }
    _table(connection, name, list(rows[0]), kinds, [list(row.values()) for row in rows])
    connection.execute(
        "insert into gpkg_contents (table_name, data_type, identifier, description, last_change) "
        "values (?, 'attributes', ?, ?, ?)",
        (name, name, said, changed),
    )


def _table(
    connection: sqlite3.Connection, name: str, columns: list[str], kinds: dict[str, str], rows: list[list]
) -> None:
    if "geom" in columns:
        kinds = kinds | {"place_id": "text not null unique"}
    declared = ", ".join(f"{_quoted(column)} {kinds.get(column, 'text')}" for column in columns)
    connection.execute(
        f"create table {_quoted(name)} (fid integer primary key autoincrement not null, {declared})"
    )
    marks = ", ".join("?" * len(columns))
    connection.executemany(
        f"insert into {_quoted(name)} ({', '.join(map(_quoted, columns))}) values ({marks})",  # noqa: S608
        rows,
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _blob(polygon: shapely.Geometry) -> bytes:
    """Return the geometry as GeoPackage has it: a head with the envelope, then WKB."""
    if polygon.geom_type == "Polygon":
        polygon = shapely.multipolygons([polygon])
    low_x, low_y, high_x, high_y = polygon.bounds
    head = b"GP\x00\x03" + struct.pack("<i4d", 4326, low_x, high_x, low_y, high_y)
    return head + shapely.to_wkb(polygon, byte_order=1)
