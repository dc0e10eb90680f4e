"""The figures that add up, one row for each part of a cell, from the candidates and from earlier releases."""

# ruff: noqa: S608  names in these statements are constants of this package

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from statloom.publication.sql import run
from statloom.release import frames
from statloom.release.columns import DIMENSIONS

NOW = 2**31 - 1
"""Number of the release that is being prepared, among those of earlier ones."""

COLUMNS = {
    "observation_key": "text",
    "release": "bigint",
    "source_id": "text",
    "series_code": "text",
    "source_level": "text",
    "place_id": "text",
    "parent_id": "text",
    "place_level": "text",
    "place_vintage": "text",
    "period": "text",
    "time_detail": "text",
    **dict.fromkeys(DIMENSIONS, "text"),
    "numerator": "double precision",
    "denominator": "double precision",
    "value": "double precision",
    "n": "bigint",
    "kind": "text",
    "minimum_respondents": "integer",
    "protection_level": "double precision",
    "is_primary": "boolean",
    "left_out": "boolean",
    "may_be_left_out": "boolean",
}
"""Of a row: a cell as one release has it, or as the candidates have it (``release`` = ``NOW``)."""

CANDIDATES = f"""
    with protected as (select source_id, series_code from release.candidate_rule where method = 'suppression')
    select c.observation_key::text, {NOW} as release, c.source_id, c.series_code,
        c.source_level, c.place_id, p.parent_id, c.place_level, c.place_vintage, c.period, c.time_detail,
        {", ".join(f"c.{name}" for name in DIMENSIONS)}, c.numerator, c.denominator, c.value, c.n, c.kind,
        c.minimum_respondents, c.protection_level, c.is_primary, c.suppressed as left_out,
        c.method = 'suppression' as may_be_left_out
    from release.candidate_cell c
    join marts.place p using (place_id)
    where c.additive and c.method in ('free', 'suppression')
        and (c.source_id in (select source_id from protected)
            or c.series_code in (select series_code from protected))
"""
"""SQL for the candidates that add up, of sources with rules and of series that these share with others."""

PARTS = ("value", "numerator", "rest", "denominator", "respondents")


@dataclass(frozen=True)
class Figures:
    """``rows``: one a cell and release version, ``COLUMNS``, in a stable order. ``parts``: one a part of a
    cell; columns ``row`` (position in ``rows``), ``part`` (position in ``PARTS``), ``amount``."""

    rows: pd.DataFrame
    parts: pd.DataFrame


def candidates(connection: Connection) -> pd.DataFrame:
    """Return the candidates' rows, ``COLUMNS``."""
    return frames.read(connection, CANDIDATES, COLUMNS).to_pandas()


def figures(rows: pd.DataFrame) -> Figures:
    """Return ``rows`` with their parts: of a share its numerator, its denominator and the rest, of another
    figure its value, and of a total of magnitudes also how many respondents it has."""
    rows = rows.sort_values(["release", "observation_key"], ignore_index=True)
    share = rows["numerator"].notna() & rows["denominator"].notna()
    amounts = {
        "value": rows["value"].where(~share),
        "numerator": rows["numerator"].where(share),
        "rest": (rows["denominator"] - rows["numerator"]).where(share),
        "denominator": rows["denominator"].where(share),
        "respondents": rows["n"].where(rows["kind"] == "magnitude").astype(float),
    }
    pieces = [
        pd.DataFrame({"row": np.flatnonzero(amount.notna()), "part": number, "amount": amount.dropna()})
        for number, amount in enumerate(amounts.values())
    ]
    parts = pd.concat(pieces, ignore_index=True)
    parts["amount"] = parts["amount"].astype(float)
    # What rounding leaves of a rest of nothing.
    parts.loc[parts["amount"].abs() < 1e-9, "amount"] = 0.0
    return Figures(rows, parts)


def parents(connection: Connection) -> dict[str, str]:
    """Return place → the place that it is part of; of the highest of a former vintage, what it is now."""
    found = dict(
        run(connection, "select place_id, parent_id from marts.place where parent_id is not null").all()
    )
    if run(connection, "select to_regclass('places.place_change') is not null").scalar_one():
        continued = run(
            connection,
            "select from_place_id, to_place_id from places.place_change where change_type = 'continued' "
            "and from_place_id is not null and to_place_id is not null",
        )
        found = dict(continued.all()) | found
    return found


def divided(connection: Connection) -> pd.DataFrame:
    """Return which places of one vintage or code make up one of another, wholly: ``whole, part``."""
    queries = []
    if run(connection, "select to_regclass('places.crosswalk') is not null").scalar_one():
        queries.append(
            "select to_place_id, from_place_id from places.crosswalk where basis = 'whole' and weight = 1"
        )
    if run(connection, "select to_regclass('places.place_change') is not null").scalar_one():
        queries.append(
            "select from_place_id, to_place_id from places.place_change "
            "where change_type in ('split', 'continued', 'renamed', 'recoded')"
        )
        queries.append(
            "select to_place_id, from_place_id from places.place_change where change_type = 'merged'"
        )
    rows = [tuple(row) for query in queries for row in run(connection, query)]
    return pd.DataFrame(rows, columns=["whole", "part"]).dropna().drop_duplicates(ignore_index=True)


def signatures(connection: Connection) -> dict[tuple[str, str, str], str]:
    """Return (source, series, role) → what of the source it is made of: measures and categories."""
    rows = run(
        connection,
        "select source_id, series_code, role, md5(string_agg(distinct measure || ' ' || categories::text, "
        "';')) from landing.series_mapping group by 1, 2, 3",
    )
    return {(source, series, role): signature for source, series, role, signature in rows}
