"""What one publication changed, cell by cell."""

# ruff: noqa: S608  every name in these statements is quoted by statloom.publication.sql

import pandas as pd
from sqlalchemy import Engine, text

from statloom.errors import StatloomError
from statloom.publication import shapes, tables
from statloom.publication.sql import literal, names, quote, run


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
        rows = [
            row
            for name, keys in changed
            if name in there and mart in (None, name)
            for row in run(connection, _rows(name, keys, publication_id))
        ]
    return pd.DataFrame(rows, columns=["mart", "key", "change", "before", "after"])


def _rows(mart: str, keys: list[str], number: int) -> str:
    def side(column: str) -> str:
        hidden = ", ".join(map(literal, tables.HIDDEN))
        return (
            f"(select {names(keys)}, to_jsonb(t) - array[{hidden}] as cells "
            f"from published.{quote(mart)} t where {column} = {number:d})"
        )

    def differing(one: str, other: str) -> str:
        return (
            f"(select jsonb_object_agg(e.key, e.value) from jsonb_each({one}.cells) e "
            f"where e.value is distinct from {other}.cells -> e.key)"
        )

    key = ", ".join(f"{literal(name)}, {quote(name)}" for name in keys)
    return f"""
        select {literal(mart)}, jsonb_build_object({key}),
            case when b.cells is null then 'added' when a.cells is null then 'removed' else 'changed' end,
            case when a.cells is null then b.cells else {differing("b", "a")} end,
            case when b.cells is null then a.cells else {differing("a", "b")} end
        from {side("published_to")} b full join {side(tables.WRITTEN)} a using ({names(keys)})
        order by {names(keys)}
    """
