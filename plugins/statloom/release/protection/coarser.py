"""Figures that a contract declares too fine to be released."""

# ruff: noqa: S608  names in these statements are constants of this module

from sqlalchemy import Connection

from statloom.publication.sql import run
from statloom.release.columns import DIMENSIONS

TABLE = "release.candidate_coarser"
COUNTED = "release.candidate_not_released"
_BROKEN_DOWN = " or ".join(f"('{name}' = any(f.without) and o.{name} <> '_T')" for name in DIMENSIONS)
CONDITION = (
    f"exists (select from {TABLE} f where f.source_id = o.source_id "
    "and (f.series is null or o.series_code = any(f.series)) "
    "and (f.place_level is null or f.place_level = o.place_level) "
    f"and (f.without is null or {_BROKEN_DOWN}))"
)
"""SQL over an observation ``o``: true for a figure that is not released."""


def read(connection: Connection) -> None:
    """Write what the contracts declare to ``release.candidate_coarser``: ``source_id, series, place_level,
    without``; null is any. Dimensions are in small letters."""
    run(connection, f"drop table if exists {TABLE} cascade")
    run(
        connection,
        f"""
        create table {TABLE} as
        select s.source_id, listed(f -> 'series') as series, f ->> 'place_level' as place_level,
            listed(f -> 'without') as without
        from landing.source s,
            jsonb_array_elements(coalesce(s.contract -> 'disclosure' -> 'coarser', '[]')) f
        """.replace("listed(f -> 'series')", _listed("series")).replace(
            "listed(f -> 'without')", _listed("without", "lower")
        ),
    )


def _listed(key: str, change: str = "") -> str:
    return (
        f"(select array_agg({change}(v)) from jsonb_array_elements_text(f -> '{key}') v having count(*) > 0)"
    )


def count(connection: Connection) -> None:
    """Write how many figures are not released to ``release.candidate_not_released``: ``source_id,
    place_level, cells``."""
    run(connection, f"drop table if exists {COUNTED}")
    run(
        connection,
        f"create table {COUNTED} as select o.source_id, o.place_level, count(*) as cells "
        f"from marts.observation o where o.source_id in (select source_id from {TABLE}) "
        f"and {CONDITION} group by o.source_id, o.place_level",
    )
