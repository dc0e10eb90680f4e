"""A small dataset with everything that is hard to write: quotes, formulas, missing and negative values."""

import datetime

import pyarrow as pa

from statloom.exports import checksums, csv, parquet
from statloom.exports.model import About, Dataset, Source, Table, Text, fields_of

SOURCE = Source("census", "A census", "Bureau", "CC-BY-4.0", "The bureau's tables")
GENERATED = Source("survey", "A survey", "Ministry", "Terms of the ministry", synthetic=True)
ABOUT = About(7, 3, datetime.date(2026, 11, 5), "Open data", "Figures.", "Office", "office@example.org")
DESCRIPTIONS = {"value": "The figure.", "place_id": "The place."}
REQUIRED = ("observation_key", "place_id")


def frame() -> pa.Table:
    """Six cells with the columns that matter."""
    return pa.table(
        {
            "observation_key": ["a", "b", "c", "d", "e", "f"],
            "series_code": ["NP_POP"] * 6,
            "place_id": ["P1", "P2", "P1", "P2", "P1", "P2"],
            "period": ["2011", "2011", "2012", "2012", "2013", "2013"],
            "day": pa.array([datetime.date(2011, 1, 1), None] * 3, pa.date32()),
            "value": [0.1, -5.0, 2069812.0, 1e-7, 1 / 3, None],
            "n": pa.array([1, None, 3, 4, 5, 6], pa.int64()),
            "preferred": [True, False, True, None, True, True],
            "comment": ['=cmd|"/c calc"!A0', "+1", "-2+3", "@SUM(A1)", 'a "quote", a comma\nand a line', ""],
        }
    )


def dataset(**more) -> Dataset:
    """The metadata of ``frame``."""
    known = {
        "code": "NP_POP",
        "title": "Population",
        "description": "People counted.",
        "unit": "persons",
        "sources": (SOURCE, GENERATED),
        "title_ne": "जनसंख्या",
        "indicator_code": "17.18.1",
        "goal": "17",
        "period_start": "2011-01-01",
        "period_end": "2013-12-31",
        "place_levels": ("district",),
        "cells": 6,
    }
    return Dataset(**known | more)


def release(folder, *, rows: pa.Table | None = None, gzip_above: int | None = None) -> list[Table]:
    """Write the tables of a release of one dataset and its places into ``folder`` and return them."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    rows = frame() if rows is None else rows
    places = pa.table({"place_id": ["P1", "P2"], "place_name": ["=One", "Two"], "parent_id": [None, "P1"]})
    fields = fields_of(
        rows.schema, DESCRIPTIONS, REQUIRED, {"value": Text("Value", "मान")}, {"value": "persons"}
    )
    written = csv.write(rows, folder / "data" / "NP_POP.csv", gzip_above=gzip_above)
    columnar = parquet.write(rows, folder / "data" / "NP_POP.parquet", dataset=dataset(), fields=fields)
    return [
        Table(
            "places",
            "Places",
            "Places.",
            fields_of(places.schema, {}, ("place_id",)),
            ("place_id",),
            checksums.describe(folder, csv.write(places, folder / "places.csv"), csv.MEDIA_TYPE),
            references=(("parent_id", "", "place_id"),),
        ),
        Table(
            "NP_POP",
            "Population",
            "People counted.",
            fields,
            ("observation_key",),
            checksums.describe(folder, written, csv.MEDIA_TYPE, "gz" if written.suffix == ".gz" else None),
            references=(("place_id", "places", "place_id"),),
            dataset=dataset(),
            parquet=checksums.describe(folder, columnar, parquet.MEDIA_TYPE),
            title_ne="जनसंख्या",
        ),
    ]
