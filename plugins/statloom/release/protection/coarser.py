"""Figures that a contract declares too fine to be released."""

# ruff: noqa: S608  names in these statements are constants of this module

from sqlalchemy import Connection, text

from statloom.publication.sql import literal, run
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
        f"(select array_agg({change}(v)) from jsonb_array_elements_text(f -> {literal(key)}) v "
        "having count(*) > 0)"
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


def describe(connection: Connection, said: dict) -> None:
    """Say of each dataset what of it is not released, in each language of its definition.

    ``said``: what ``statloom.release.metadata.read`` found; the words are those of its terms.
    """
    levels = {code: (en, ne) for kind, code, en, ne, _ in said.get("term", ()) if kind == "place_level"}
    dimensions = {name: (en or name, ne) for name, _, en, ne in said.get("breakdown", ())}
    rows = run(
        connection,
        f"select d.series_code, f.place_level, f.without from release.candidate_dataset d join {TABLE} f "
        "on f.source_id = any(string_to_array(d.sources, ', ')) "
        "and (f.series is null or d.series_code = any(f.series)) order by 1, 2, 3",
    )
    for series, level, without in rows.all():
        words = [dimensions.get(name, (name, None)) for name in without or ()]
        place = levels.get(level, (level, None))
        connection.execute(
            text(
                "update release.candidate_dataset set definition = concat_ws(' ', definition, "
                "cast(:en as text)), definition_ne = definition_ne || ' ' || cast(:ne as text) "
                "where series_code = :series"
            ),
            {
                "series": series,
                "en": _sentence(place[0], [en for en, _ in words]),
                "ne": _sentence_ne(place[1] or place[0], [ne or en for en, ne in words]),
            },
        )


def _sentence(level: str | None, names: list[str]) -> str:
    what = f"figures by {' or '.join(name.lower() for name in names)}" if names else "its figures"
    where = f" on the level {level}" if level else ""
    return f"To protect respondents, {what}{where} are not released."


def _sentence_ne(level: str | None, names: list[str]) -> str:
    what = f"{' वा '.join(names)} अनुसारका तथ्याङ्क" if names else "यसका तथ्याङ्क"
    where = f"{level} तहमा " if level else ""
    return f"उत्तरदाताको गोपनीयता जोगाउन {where}{what} विमोचन गरिएको छैन।"
