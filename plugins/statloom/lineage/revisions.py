"""What each publication changed, figure by figure, and why; kept in ``quality.revision``."""

# ruff: noqa: S608  every name in these statements is quoted by statloom.publication.sql

from sqlalchemy import Connection, Engine, text

from statloom.lineage import causes
from statloom.lineage.causes import REASONS, Cause
from statloom.publication import revisions, shapes
from statloom.publication.sql import literal, run

__all__ = ["Cause", "record_revisions"]

NOT_RECORDED = "not recorded"
# Each row of these is made from one source; rows of the others are chosen from, or made of, several.
_OF_ONE_SOURCE = ("observation", "former_observation")

_UNRECORDED = """
select p.publication_id from publication.publication p
where p.status = 'published' and p.publication_id <= (select publication_id from publication.pointer)
    and not exists (select from publication.revision_recorded r where r.publication_id = p.publication_id)
order by 1
"""

# The build that made a publication is the first that came to its number; the one before may have changed
# nothing.
_BUILDS = text("""
with made as (
    select min(build_id) as build_id from publication.build where publication_id = :number
)
select made.build_id as new, (
    select max(b.build_id) from publication.build b
    where b.build_id < made.build_id
        and exists (select from publication.build_input i where i.build_id = b.build_id)
) as old
from made
where exists (select from publication.build_input i where i.build_id = made.build_id)
""")

_MARTS = text("""
select c.mart, m.key_columns,
    not exists (
        select from publication.mart_change e
        where e.mart = c.mart and e.publication_id < c.publication_id and e.rows_added > 0
    ) as is_first
from publication.mart_change c join publication.mart m using (mart)
where c.publication_id = :number and c.rows_added + c.rows_changed + c.rows_removed > 0
order by c.mart
""")

_NUMERIC = "case when jsonb_typeof({0} -> 'value') = 'number' then ({0} ->> 'value')::numeric end"

# Reasons follow from few properties of a figure: they are found once for each combination that occurs.
_ATTRIBUTE = """
create temporary table revision_reason on commit drop as
with combination as (
    select distinct source_id, source_before, series_code, period, is_carried, is_chosen from revision_found
),
sources_of as (
    select distinct series_code, source_id from landing.series_mapping
),
fits as (
    select c.*, cause.position, cause.reason, cause.why,
        cause.source_id is null or cause.source_id in (c.source_id, c.source_before) as is_own,
        cause.source_id is not null or cause.series_code is not null as is_special
    from combination c
    join revision_cause cause on
        (cause.source_id is null or cause.source_id in (c.source_id, c.source_before)
            or (c.is_chosen and exists (
                select from sources_of s
                where s.series_code = c.series_code and s.source_id = cause.source_id
            ))
            or (c.source_id is null and c.series_code is null))
        and (cause.series_code is null or cause.series_code is not distinct from c.series_code
            or c.series_code is null)
        and (cause.periods is null or c.period is null or c.period = any (cause.periods))
        and (cause.but_periods is null or c.period <> all (cause.but_periods))
        and (not cause.is_carried or c.is_carried)
),
best as (
    -- Another source of the same series counts only where no input of the figure's own explains the change.
    select *, bool_or(is_own and is_special) over (
        partition by source_id, source_before, series_code, period, is_carried, is_chosen
    ) as has_own
    from fits
)
select source_id, source_before, series_code, period, is_carried, is_chosen,
    (array_agg(reason order by position))[1] as reason,
    array_agg(reason order by position) as repeated,
    string_agg(why, '; ' order by position) as why
from best
where is_own or not has_own
group by 1, 2, 3, 4, 5, 6
"""

_KEEP = """
insert into publication.revision_cell (publication_id, mart, change, reason, reasons, why, series_code,
    place_id, period, source_id, key, before, after, value_before, value_after)
select :number, f.mart, f.change, coalesce(r.reason, :unknown),
    coalesce((select array_agg(distinct e) from unnest(r.repeated) e), array[:unknown]),
    coalesce(r.why, 'no recorded input has changed'),
    f.series_code, f.place_id, f.period, f.source_id, f.key, f.before, f.after, f.value_before, f.value_after
from revision_found f
left join revision_reason r on
    -- As text: rows with nulls in them are equal, and found by their hash.
    row(r.source_id, r.source_before, r.series_code, r.period, r.is_carried, r.is_chosen)::text
    = row(f.source_id, f.source_before, f.series_code, f.period, f.is_carried, f.is_chosen)::text
"""

_SUMMARY = """
insert into quality.revision_summary (publication_id, mart, series_code, source_id, change, reason, why,
    cells, largest_difference, largest_share, example_place_id, example_period)
select publication_id, mart, series_code, source_id, change, reason,
    (array_agg(why order by size desc nulls last))[1], count(*),
    (array_agg(difference order by size desc nulls last))[1],
    (array_agg(difference / nullif(value_before, 0) order by size desc nulls last))[1]::double precision,
    (array_agg(place_id order by size desc nulls last))[1],
    (array_agg(period order by size desc nulls last))[1]
from (
    select *, value_after - value_before as difference, abs(value_after - value_before) as size
    from publication.revision_cell where publication_id = :number
) c
group by publication_id, mart, series_code, source_id, change, reason
"""


def record_revisions(engine: Engine) -> list[int]:
    """Record what every published publication changed that is not recorded yet; return their numbers.

    Fills what ``quality.revision`` and ``quality.revision_summary`` show. Each publication in one
    transaction: what was killed is done by the next call.
    """
    with engine.begin() as connection:
        numbers = list(run(connection, _UNRECORDED).scalars())
    for number in numbers:
        with engine.begin() as connection:
            # A second process that records the same waits here, and then finds it done.
            run(connection, "lock table publication.revision_recorded in share row exclusive mode")
            if number in run(connection, _UNRECORDED).scalars().all():
                _record(connection, number)
    return numbers


def _record(connection: Connection, number: int) -> None:
    run(connection, "set local work_mem = '64MB'")
    run(connection, "set local jit = off")
    _put_causes(connection, _causes(connection, number))
    run(
        connection,
        "create temporary table revision_found (mart text, change text, series_code text, place_id text, "
        "period text, source_id text, source_before text, is_carried boolean, is_chosen boolean, key jsonb, "
        "before jsonb, after jsonb, value_before numeric, value_after numeric) on commit drop",
    )
    there = shapes.read(connection, "published")
    for mart, keys, is_first in connection.execute(_MARTS, {"number": number}).all():
        if mart not in there:
            continue
        if is_first:
            _first(connection, number, mart, keys, set(there[mart].columns))
        else:
            run(connection, _found(mart, keys, number))
    run(connection, "analyze revision_found")
    run(connection, _ATTRIBUTE)
    connection.execute(text(_KEEP), {"number": number, "unknown": NOT_RECORDED})
    connection.execute(text(_SUMMARY), {"number": number})
    connection.execute(text("insert into publication.revision_recorded values (:number)"), {"number": number})
    for table in ("revision_found", "revision_reason", "revision_cause"):
        run(connection, f"drop table pg_temp.{table}")


def _causes(connection: Connection, number: int) -> list[Cause]:
    builds = connection.execute(_BUILDS, {"number": number}).one_or_none()
    if builds is None or builds.new is None or builds.old is None:
        return []
    return causes.between(connection, builds.old, builds.new)


def _put_causes(connection: Connection, found: list[Cause]) -> None:
    run(
        connection,
        "create temporary table revision_cause (position integer, reason text, why text, source_id text, "
        "series_code text, periods text[], but_periods text[], is_carried boolean) on commit drop",
    )
    if found:
        connection.execute(
            text(
                "insert into revision_cause values (:position, :reason, :why, :source_id, :series_code, "
                ":periods, :but_periods, :carried)"
            ),
            [
                {**vars(cause), "position": position}
                for position, cause in enumerate(sorted(found, key=lambda c: REASONS.index(c.reason)))
            ],
        )


def _first(connection: Connection, number: int, mart: str, keys: list[str], columns: set[str]) -> None:
    """Count the rows of a mart that is published for the first time; they are read where they lie."""
    connection.execute(
        text("insert into publication.revision_first values (:number, :mart, :keys) on conflict do nothing"),
        {"number": number, "mart": mart, "keys": keys},
    )
    by = [name if name in columns else "null::text" for name in ("series_code", "source_id")]
    run(
        connection,
        "insert into quality.revision_summary (publication_id, mart, series_code, source_id, change, reason, "
        f"why, cells) select {number:d}, {literal(mart)}, {by[0]}, {by[1]}, 'added', 'new mart', "
        f"'first publication of the mart', count(*) from {revisions.published(mart)} "
        f"where {revisions.WRITTEN} = {number:d} group by 1, 2, 3, 4",
    )


def _found(mart: str, keys: list[str], number: int) -> str:
    return f"""
        insert into revision_found
        select {literal(mart)}, r.change, w.whole ->> 'series_code', w.whole ->> 'place_id',
            w.whole ->> 'period', w.whole ->> 'source_id', r.whole_before ->> 'source_id',
            coalesce(w.whole ->> 'geo_method' <> 'observed' or r.whole_before ->> 'geo_method' <> 'observed',
                true),
            {"false" if mart in _OF_ONE_SOURCE else "true"},
            r.key, r.before, r.after, {_NUMERIC.format("r.whole_before")}, {_NUMERIC.format("r.whole_after")}
        from ({revisions.rows(mart, keys, number)}) r
        cross join lateral (select coalesce(r.whole_after, r.whole_before) as whole) w
    """
