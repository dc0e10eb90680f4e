"""Finds the published figures that a person means by a series or indicator, a place and a period."""

# ruff: noqa: S608  the names in these statements are constants of this module or quoted

from typing import Any

from sqlalchemy import Connection, text

from statloom.errors import StatloomError
from statloom.publication import shapes

# In this order: the figure that stands for a place and period comes before the figures of every source.
MARTS = ("indicator_series", "observation", "former_observation")
_NAMED = 8


def breakdowns(connection: Connection) -> list[str]:
    """Return the breakdown columns of the marts, in the order of the series' list of dimensions."""
    return list(
        connection.execute(text("select lower(dimension) from reference.breakdown order by 1")).scalars()
    )


def publication(connection: Connection, wanted: int | None) -> dict[str, Any]:
    """Return publication ``wanted`` (default: the current one) as a dict of its bookkeeping row.

    Raises StatloomError when nothing is published or there is no such publication.
    """
    row = (
        connection.execute(
            text(
                "select publication_id, published_at, code_version, run_id from publication.publication "
                "where status = 'published' and publication_id = coalesce(cast(:wanted as integer), "
                "(select publication_id from publication.pointer))"
            ),
            {"wanted": wanted},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise StatloomError(
            "nothing is published yet" if wanted is None else f"publication {wanted} does not exist"
        )
    return dict(row)


def find(
    connection: Connection,
    what: str,
    place: str,
    period: str,
    *,
    number: int,
    breakdown: dict[str, str],
    source: str | None,
    source_level: str | None,
) -> list[dict[str, Any]]:
    """Return the rows of ``published.<mart>`` that are meant, as dicts with ``mart`` and all columns.

    ``what`` is a series or an indicator, ``place`` a place_id, code or name, ``period`` a time period or its
    label. Of a mart of all sources every source's figure is returned. Raises StatloomError that says which
    of the words fits nothing, or fits several places.
    """
    dimensions = breakdowns(connection)
    for name in breakdown:
        if name not in dimensions:
            raise StatloomError(f"no breakdown {name!r}: {', '.join(dimensions)}")
    places = _places(connection, place)
    there = shapes.read(connection, "published")
    every_source = source is not None or source_level is not None
    for mart in MARTS:
        if mart not in there or (every_source and mart == "indicator_series"):
            continue
        wanted = {name: breakdown.get(name, "_T") for name in dimensions if name in there[mart].columns}
        conditions = [f"{name} = :{name}" for name in wanted]
        conditions += [f"{name} = :{name}" for name, value in _given(source, source_level) if value]
        rows = connection.execute(
            text(
                f"select * from published.{mart} where (series_code = :what or indicator_code = :what) "
                "and place_id = any (:places) and (period = :period or time_detail = :period) "
                "and published_from <= :number and (published_to is null or published_to > :number) "
                f"and {' and '.join(conditions)} order by series_code, place_id, source_id, source_level"
            ),
            wanted
            | {name: value for name, value in _given(source, source_level) if value}
            | {"what": what, "places": places, "period": period, "number": number},
        )
        if found := [{"mart": mart, **row} for row in rows.mappings()]:
            return _of_one_place(found, place)
    raise StatloomError(_nothing(connection, what, place, period, places, number, breakdown, source))


def _given(source: str | None, source_level: str | None) -> list[tuple[str, str | None]]:
    return [("source_id", source), ("source_level", source_level)]


def _places(connection: Connection, place: str) -> list[str]:
    found = connection.execute(
        text(
            "select place_id from places.place where place_id = :place "
            "or split_part(place_id, ':', 3) = :place or lower(place_name) = lower(:place)"
        ),
        {"place": place},
    ).scalars()
    places = list(found)
    if not places:
        raise StatloomError(f"no place {place!r}: give its identifier, its code or its name")
    return [place] if place in places else places


def _of_one_place(found: list[dict[str, Any]], place: str) -> list[dict[str, Any]]:
    places = {
        row["place_id"]: f"{row['place_id']} ({row['place_name']}, {row['place_level']})" for row in found
    }
    if len(places) > 1:
        shown = "; ".join(list(places.values())[:_NAMED])
        raise StatloomError(
            f"{place!r} is {len(places)} places with such a figure: {shown}. Give the identifier"
        )
    return found


def _nothing(connection, what, place, period, places, number, breakdown, source) -> str:
    known = connection.scalar(
        text("select exists (select from reference.series where :what in (series_code, indicator_code))"),
        {"what": what},
    )
    if not known:
        return f"no series or indicator {what!r} in reference.series"
    at = "published_from <= :number and (published_to is null or published_to > :number)"
    near = connection.execute(
        text(
            f"select distinct period, source_id from published.observation where {at} "
            "and (series_code = :what or indicator_code = :what) and place_id = any (:places) order by 1, 2"
        ),
        {"what": what, "places": places, "number": number},
    ).all()
    asked = ", ".join([f"{k} = {v}" for k, v in breakdown.items()] + ([f"source {source}"] if source else []))
    message = f"publication {number} has no figure of {what} for {place} in {period}" + (
        f" with {asked}" if asked else ""
    )
    if near:
        message += "; there are: " + ", ".join(f"{p} ({s})" for p, s in near[:_NAMED])
    return message
