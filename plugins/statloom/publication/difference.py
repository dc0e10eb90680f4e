"""What differs between a candidate mart and its published rows, found and written by PostgreSQL alone.

Rows are matched by primary key and compared by a 64-bit hash over all columns (``hash_record_extended``),
which is kept beside each published row, so that the published rows' other columns are not read. A changed
row whose new hash equals its old one would be missed; the chance is one in 1.8e19 for each changed row.
"""

# ruff: noqa: S608  every name in these statements is quoted by statloom.publication.sql

from dataclasses import dataclass

from sqlalchemy import Connection

from statloom.publication.shapes import Shape
from statloom.publication.sql import names, quote, run

HASH = "_row_hash"

# Types without a hash function in PostgreSQL: they are compared by their text.
_UNHASHABLE = {
    "json",
    "xml",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "tsvector",
    "tsquery",
}


@dataclass(frozen=True)
class Change:
    """How many rows of one mart a publication added, changed and removed."""

    mart: str
    added: int
    changed: int
    removed: int

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def hash_expression(shape: Shape, alias: str) -> str:
    """Return SQL for the hash of a row of ``candidate.<mart>``, which ``alias`` stands for."""
    if _UNHASHABLE.isdisjoint(shape.columns.values()):
        # coalesce keeps the planner from carrying whole rows through the join to hash them after it.
        return f"coalesce(hash_record_extended({alias}, 0), 0)"
    return _hash_by_column(shape, alias)


def _hash_by_column(shape: Shape, alias: str) -> str:
    """Return SQL for the same hash of a row of a table that has other columns too."""
    terms = ", ".join(
        f"{alias}.{quote(name)}" + ("::text" if kind in _UNHASHABLE else "")
        for name, kind in shape.columns.items()
    )
    return f"hash_record_extended(row({terms}), 0)"


def load_all(connection: Connection, mart: str, shape: Shape, publication_id: int) -> Change:
    """Write every row of ``candidate.<mart>`` into ``published.<mart>``, which has no rows yet."""
    columns = names(shape.columns)
    added = run(
        connection,
        f"insert into published.{quote(mart)} ({HASH}, published_from, {columns}) "
        f"select {hash_expression(shape, 'c')}, {publication_id:d}, {columns} from candidate.{quote(mart)} c",
    ).rowcount
    return Change(mart, added, 0, 0)


def find(connection: Connection, mart: str, shape: Shape) -> Change:
    """Find the rows that differ and keep their addresses in the temporary table ``difference``.

    The addresses (``ctid``) hold for this transaction: the caller has locked ``candidate.<mart>`` against
    writing and is the only writer of ``published.<mart>``.
    """
    keys = names(shape.key)
    # The planner expects every row to differ, and would not share such work out to several processes.
    run(connection, "set local parallel_setup_cost = 0")
    run(connection, "set local parallel_tuple_cost = 0")
    run(connection, "drop table if exists pg_temp.difference")
    run(
        connection,
        f"""
        create temporary table difference on commit drop as
        select c.address as new_row, p.address as old_row, c.row_hash
        from (
            select ctid as address, {keys}, {hash_expression(shape, "c")} as row_hash
            from candidate.{quote(mart)} c
        ) c
        full join (
            select ctid as address, {keys}, {HASH} as row_hash
            from published.{quote(mart)}
            where published_to is null
        ) p using ({keys})
        where c.row_hash is distinct from p.row_hash
        """,
    )
    counts = run(
        connection,
        "select count(*) filter (where old_row is null), "
        "count(*) filter (where new_row is not null and old_row is not null), "
        "count(*) filter (where new_row is null) from difference",
    ).one()
    return Change(mart, *counts)


def write(connection: Connection, mart: str, shape: Shape, publication_id: int) -> None:
    """Close the rows found by ``find`` and insert their new versions under ``publication_id``."""
    run(connection, "analyze difference")
    run(
        connection,
        f"update published.{quote(mart)} p set published_to = {publication_id:d} "
        f"from difference d where p.ctid = d.old_row",
    )
    run(
        connection,
        f"insert into published.{quote(mart)} ({HASH}, published_from, {names(shape.columns)}) "
        f"select d.row_hash, {publication_id:d}, {names(shape.columns, 'c')} "
        f"from difference d join candidate.{quote(mart)} c on c.ctid = d.new_row",
    )


def rehash(connection: Connection, mart: str, shape: Shape) -> None:
    """Make the hashes of the current published rows anew, over the columns of ``shape``."""
    fresh = _hash_by_column(shape, "p")
    run(
        connection,
        f"update published.{quote(mart)} p set {HASH} = {fresh} "
        f"where published_to is null and {HASH} is distinct from {fresh}",
    )
