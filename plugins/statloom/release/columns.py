"""The columns of released cells and datasets; other modules take names and types from here."""

from pathlib import Path

from sqlalchemy import Connection

from statloom.publication.sql import run

DIMENSIONS = (
    "sex",
    "age",
    "urbanisation",
    "income_wealth_quantile",
    "education_lev",
    "occupation",
    "cust_breakdown",
    "composite_breakdown",
    "disability_status",
    "activity",
    "product",
)

# What a left-out cell does not show. Its status and comment say that it is left out.
MEASURES = ("value", "numerator", "denominator", "se", "cv", "ci_low", "ci_high", "n")

# In the order of the files.
CELL = {
    "observation_key": "uuid",
    "series_code": "text",
    "indicator_code": "text",
    "goal": "text",
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
    "obs_status": "text",
    "comment": "text",
    "source_id": "text",
    "source_level": "text",
    "geo_method": "text",
    "preferred": "boolean",
}

DATASET = {
    "series_code": "text",
    "indicator_code": "text",
    "goal": "text",
    "title": "text",
    "title_ne": "text",
    "description": "text",
    "unit": "text",
    "sources": "text",
    "custodians": "text",
    "licences": "text",
    "synthetic": "boolean",
    "period_start": "text",
    "period_end": "text",
    "place_levels": "text",
    "cells": "bigint",
    "cells_suppressed": "bigint",
    "cells_recoverable": "bigint",
}


def prepare_schema(connection: Connection) -> None:
    """Make the tables and views of releases, where they are missing."""
    complete = run(connection, "select to_regclass('open_data.dataset') is not null").scalar_one()
    if not complete:
        statements = (Path(__file__).parent / "schema.sql").read_text()
        for name, columns in (("cell_columns", CELL), ("dataset_columns", DATASET)):
            listed = ",\n    ".join(f"{column} {kind}" for column, kind in columns.items())
            statements = statements.replace(f"{{{name}}}", listed)
        run(connection, statements)
