"""The way of one figure: which rows of a delivery went into it, on which places, by which weights."""

# ruff: noqa: S608  what is put into these statements is a view's own text, a number or a quoted name

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from statloom.errors import StatloomError
from statloom.publication.sql import quote, run

_CURRENT = "landing.current_delivery"

# Every place whose figures reach the target: itself and all places below it, and those that the crosswalk
# leads to any of them.
_ROUTES = """
create temporary table route on commit drop as
with target as (
    select place_number from harmonised.place_number where place_id = :place
),
below as (
    select place_number from target
    union
    select ancestor.place_number from harmonised.place_ancestor ancestor
    join target on target.place_number = ancestor.ancestor_number
)
select place_number as from_place, place_number as to_place, 1::numeric as weight, null::text as weight_basis,
    null::numeric as weight_se, false as is_divided, true as is_same
from below
union all
select link.from_place, link.to_place, link.weight, link.weight_basis, link.weight_se, link.is_divided,
    link.is_same
from harmonised.place_link link join below on below.place_number = link.to_place
where link.basis = :basis and link.from_place <> link.to_place
"""

_ROWS = """
create temporary table used on commit drop as
with staged as ({staged}),
category as materialized (
    select category.measure, category.category_key, link.role, link.is_additive
    from harmonised.category join harmonised.category_link link using (category_id)
    where category.source_id = :source and link.cell_id = :cell
),
place as materialized (
    select reference.*, number.place_number
    from places.place_reference reference join harmonised.place_number number using (place_id)
    where reference.source_id = :source and number.place_level = :level
        and number.place_number in (select from_place from route)
),
label as materialized (
    select label from landing.period where source_id = :source and period = :period
)
select staged.row_number, staged.measure, staged.value, category.role, place.place_number, place.place_id,
    place.place_scheme, place.place_level, place.place_code, place.place_name, place.place_parent,
    place.method, place.score, staged.categories
from staged
join category using (measure, category_key)
join place on (place.place_scheme, place.place_level, place.place_code, place.place_name, place.place_parent)
    = (staged.place_scheme, staged.place_level, staged.place_code, staged.place_name, staged.place_parent)
where staged.period in (select label from label) and staged.value is not null
"""

_CONTRIBUTIONS = """
with reported as (
    select place_number, count(*) as values_used, array_agg(distinct row_number order by row_number) as rows,
        sum(value) filter (where role = 'numerator') as numerator,
        sum(value) filter (where role = 'denominator') as denominator,
        sum(value) filter (where role = 'value') as value
    from used group by place_number
)
select origin.place_id as from_place_id, origin.place_name as from_name, route.weight, route.weight_basis,
    route.weight_se, route.is_divided, route.is_same, target.place_id as to_place_id,
    target.place_name as to_name, reported.numerator, reported.denominator, reported.value, reported.rows
from reported
join route on route.from_place = reported.place_number
join harmonised.place_number origin_number on origin_number.place_number = route.from_place
join harmonised.place_number target_number on target_number.place_number = route.to_place
join places.place origin on origin.place_id = origin_number.place_id
join places.place target on target.place_id = target_number.place_id
order by target.place_id, origin.place_id
"""

_REFERENCES = """
select place_id, method, score, place_scheme, place_level, place_code, place_name, place_parent,
    count(distinct row_number) as rows
from used group by 1, 2, 3, 4, 5, 6, 7, 8 order by 1, 6, 7
"""


def follow(connection: Connection, figure: dict[str, Any], delivery_id: int, dimensions: list[str]) -> dict:
    """Return how ``figure`` (a row of a mart of observations) was made from delivery ``delivery_id``.

    Keys: ``references`` (places as the rows name them, with the method that found them), ``contributions``
    (one a place that reported and a place that it was carried to: sums of its rows, weight, row numbers),
    ``row_numbers``, ``recomputed`` (numerator, denominator and value made anew from them). Must be called in
    a transaction; leaves the temporary table ``used``. Raises StatloomError when the harmonised tables do
    not know the figure's series and breakdown any more.
    """
    series = (
        connection.execute(
            text(
                "select multiplier, apportion_basis, measure_type from reference.series "
                "where series_code = :series"
            ),
            {"series": figure["series_code"]},
        )
        .mappings()
        .one_or_none()
    )
    cell = connection.scalar(
        text(
            "select cell_id from harmonised.cell where series_code = :series_code and "
            + " and ".join(f"{quote(name)} = :{name}" for name in dimensions)
        ),
        {name: figure[name] for name in [*dimensions, "series_code"]},
    )
    if series is None or cell is None:
        raise StatloomError(
            f"series {figure['series_code']} is no longer built with this breakdown: the steps between its "
            "rows and its figures cannot be shown"
        )
    for name in ("route", "used"):
        run(connection, f"drop table if exists pg_temp.{name}")
    # As in the dbt project: where few rows are expected of many, a nested loop takes minutes.
    for setting in ("work_mem = '64MB'", "enable_nestloop = off", "jit = off"):
        run(connection, f"set local {setting}")
    connection.execute(text(_ROUTES), {"place": figure["place_id"], "basis": series["apportion_basis"]})
    run(connection, "analyze route")
    rows = staged(connection, figure["source_id"], delivery_id)
    connection.execute(
        text(_ROWS.format(staged=rows.replace(":", "\\:"))),
        {
            "source": figure["source_id"],
            "cell": cell,
            "level": figure["source_level"],
            "period": figure["period"],
        },
    )
    contributions = [dict(row) for row in connection.execute(text(_CONTRIBUTIONS)).mappings()]
    references = [dict(row) for row in connection.execute(text(_REFERENCES)).mappings()]
    numbers = list(run(connection, "select distinct row_number from used order by 1").scalars())
    return {
        "apportion_basis": series["apportion_basis"],
        "multiplier": series["multiplier"],
        "references": references,
        "contributions": contributions,
        "row_numbers": numbers,
        "recomputed": _recomputed(contributions, series),
    }


def staged(connection: Connection, source: str, delivery_id: int) -> str:
    """Return the text of the source's staging view, over delivery ``delivery_id`` instead of the current one.

    Raises StatloomError when the view is not there.
    """
    definition = connection.scalar(
        text(
            "select pg_get_viewdef(c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = 'staging' and c.relname = :view and c.relkind = 'v'"
        ),
        {"view": f"stg_{source}"},
    )
    if definition is None or _CURRENT not in definition:
        raise StatloomError(f"staging.stg_{source} is not there; it is made by the next run of the warehouse")
    one = f"(select * from landing.delivery where delivery_id = {delivery_id:d})"
    return definition.rstrip().rstrip(";").replace(_CURRENT, one)


def raw_rows(
    connection: Connection, source: str, delivery_id: int, numbers: list[int]
) -> list[dict[str, Any]]:
    """Return rows ``numbers`` of a delivery as they were loaded: ``row_number`` and ``content`` (a dict)."""
    rows = connection.execute(
        text(
            "select _row_number as row_number, to_jsonb(r) - '_delivery_id' - '_row_number' as content "
            f"from raw.{quote(source)} r where _delivery_id = :id and _row_number = any (:numbers) order by 1"
        ),
        {"id": delivery_id, "numbers": numbers},
    )
    return [dict(row) for row in rows.mappings()]


def _recomputed(contributions: list[dict[str, Any]], series) -> dict[str, Decimal | None]:
    """Numerator, denominator and value added up by weight, as dbt's macro computed_value does."""

    def total(part: str) -> Decimal | None:
        parts = [row[part] * row["weight"] for row in contributions if row[part] is not None]
        return sum(parts, Decimal(0)) if parts else None

    numerator, denominator, value = (total(part) for part in ("numerator", "denominator", "value"))
    if numerator is not None or denominator is not None:
        computed = (
            round(series["multiplier"] * numerator / denominator, 6)
            if numerator is not None and denominator
            else None
        )
    elif series["measure_type"] == "count" or all(row["is_same"] for row in contributions):
        computed = value
    else:
        # A rate without its parts has no value where it would have to be shared out.
        computed = None
    return {"numerator": numerator, "denominator": denominator, "value": computed}
