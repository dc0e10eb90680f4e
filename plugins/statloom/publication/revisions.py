"""What one publication changed, cell by cell."""

# ruff: noqa: S608  every name in these statements is quoted by statloom.publication.sql

import pandas as pd
from sqlalchemy import Engine, text

from statloom.errors import StatloomError
from statloom.publication import shapes, tables
from statloom.publication.sql import literal, names, quote, run

WRITTEN = tables.WRITTEN


def revision(engine: Engine, publication_id: int, *, mart: str | None = None) -> pd.DataFrame:
    """Return the rows that publication ``publication_id`` added, changed or removed, of ``mart`` or of all.

    One row for each such row of a mart: ``mart``, ``key`` (dict: its primary key), ``change`` (``added``,
    ``changed`` or ``removed``), ``before`` and ``after`` (dicts of all columns, or of those that differ for
    ``changed``; None where there is no such row). Raises StatloomError when there is no such publication.
    """
    with engine.connect() as connection:
        changed = connection.execute(
            text(
                "select c.mart, m.key_columns from publication.publication p "
                "left join publication.mart_change c on c.publication_id = p.publication_id "
                "and c.rows_added + c.rows_changed + c.rows_removed > 0 "
                "left join publication.mart m on m.mart = c.mart "
                "where p.publication_id = :number and p.status = 'published' order by c.mart"
            ),
            {"number": publication_id},
        ).all()
        if not changed:
            raise StatloomError(f"publication {publication_id} does not exist")
        there = shapes.read(connection, "published")
        found = [
            row
            for name, keys in changed
            if name in there and mart in (None, name)
            for row in run(
                connection,
                f"select mart, key, change, before, after from ({rows(name, keys, publication_id)}) r",
            )
        ]
    return pd.DataFrame(found, columns=["mart", "key", "change", "before", "after"])


def published(mart: str) -> str:
    """Return the quoted name of ``published.<mart>``."""
    return f"published.{quote(mart)}"


def rows(mart: str, keys: list[str], number: int) -> str:
    """Return SQL for the rows that publication ``number`` changed in ``mart``, in the order of their keys.

    Columns: ``mart, key, change, before, after`` as `revision` has them, and ``whole_before`` and
    ``whole_after``: all columns of the row, null where there is no such row.
    """

    def side(column: str, whole: str) -> str:
        hidden = ", ".join(map(literal, tables.HIDDEN))
        return (
            f"(select {names(keys)}, to_jsonb(t) - array[{hidden}] as {whole} "
            f"from {published(mart)} t where {column} = {number:d})"
        )

    def differing(one: str, other: str) -> str:
        return (
            f"(select jsonb_object_agg(e.key, e.value) from jsonb_each({one}) e "
            f"where e.value is distinct from {other} -> e.key)"
        )

    key = ", ".join(f"{literal(name)}, {quote(name)}" for name in keys)
    return f"""
        select {literal(mart)} as mart, jsonb_build_object({key}) as key,
            case when whole_before is null then 'added' when whole_after is null then 'removed'
                else 'changed' end as change,
            case when whole_after is null then whole_before
                else {differing("whole_before", "whole_after")} end as before,
            case when whole_before is null then whole_after
                else {differing("whole_after", "whole_before")} end as after,
            whole_before, whole_after
        from {side("published_to", "whole_before")} b
        full join {side(tables.WRITTEN, "whole_after")} a using ({names(keys)})
        order by {names(keys)}
    """
