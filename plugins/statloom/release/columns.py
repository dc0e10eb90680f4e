"""The columns of released cells and datasets; other modules take names and types from here."""

from pathlib import Path

from sqlalchemy import Connection

from statloom.exports.figures import DIMENSIONS
from statloom.publication import shapes
from statloom.publication.sql import run

# What a left-out cell does not show. Its status and comment say that it is left out.
MEASURES = (
    "value",
    "numerator",
    "denominator",
    "se",
    "cv",
    "ci_low",
    "ci_high",
    "n",
    "deff",
    "split_share",
    "geo_se",
)

# In the order of the files.
CELL = {
    "observation_key": "uuid",
    "series_code": "text",
    "indicator_code": "text",
    "goal": "integer",
    "place_id": "text",
    "place_code": "text",
    "place_name": "text",
    "place_level": "text",
    "place_vintage": "text",
    "period": "text",
    "period_start": "date",
    "period_end": "date",
    "time_detail": "text",
    **dict.fromkeys(DIMENSIONS, "text"),
    "value": "double precision",
    "unit": "text",
    "numerator": "double precision",
    "denominator": "double precision",
    "se": "double precision",
    "cv": "double precision",
    "ci_low": "double precision",
    "ci_high": "double precision",
    "n": "bigint",
    "deff": "double precision",
    "quality_band": "text",
    "quality_rule": "text",
    "obs_status": "text",
    "comment": "text",
    "source_id": "text",
    "source_level": "text",
    "geo_method": "text",
    "split_share": "double precision",
    "geo_se": "double precision",
    "preferred": "boolean",
}

DATASET = {
    "series_code": "text",
    "indicator_code": "text",
    "goal": "integer",
    "title": "text",
    "title_ne": "text",
    "definition": "text",
    "definition_ne": "text",
    "approximation": "text",
    "unit": "text",
    "unit_title": "text",
    "unit_title_ne": "text",
    "unit_multiplier": "integer",
    "measure_type": "text",
    "numerator_definition": "text",
    "denominator_definition": "text",
    "direction": "text",
    "breakdowns": "text",
    "custodian": "text",
    "sources": "text",
    "custodians": "text",
    "licences": "text",
    "synthetic": "boolean",
    "period_start": "text",
    "period_end": "text",
    "place_levels": "text",
    "frequencies": "text",
    "cells": "bigint",
    "cells_suppressed": "bigint",
    "cells_recoverable": "bigint",
    "perturbation": "text",
}

# Columns of marts.place that go out where it has them; parent_code is looked up.
PLACE = {
    "place_id": "text",
    "place_code": "text",
    "place_name": "text",
    "place_name_ne": "text",
    "place_level": "text",
    "place_vintage": "text",
    "place_type": "text",
    "parent_id": "text",
    "parent_code": "text",
    "district_id": "text",
    "province_id": "text",
    "hlcit_code": "text",
    "valid_from": "date",
    "valid_to": "date",
}


def prepare_schema(connection: Connection) -> None:
    """Make the tables and views of releases where they are missing, and give them columns that are new."""
    views = shapes.read(connection, "open_data", "v")
    wanted = {"observation": CELL, "dataset": DATASET, "release": {"withdrawn_reason": "text"}}
    if all(
        name in views and columns.keys() <= views[name].columns.keys() for name, columns in wanted.items()
    ):
        return
    statements = (Path(__file__).parent / "schema.sql").read_text()
    for name, columns in (("cell", CELL), ("dataset", DATASET)):
        listed = ",\n    ".join(f"{column} {kind}" for column, kind in columns.items())
        added = ", ".join(f"add column if not exists {column} {kind}" for column, kind in columns.items())
        statements = statements.replace(f"{{{name}_columns}}", listed)
        statements = statements.replace(f"{{{name}_additions}}", added)
    run(connection, statements)
