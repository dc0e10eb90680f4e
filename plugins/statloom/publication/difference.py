"""What differs between a candidate mart and its published rows, found and written by PostgreSQL alone.

Rows are matched by primary key and compared by a 64-bit hash over all columns (``hash_record_extended``),
which is kept beside each published row, so that the published rows' other columns are not read. A changed
row whose new hash equals its old one would be missed; the chance is one in 1.8e19 for each changed row.
"""

# ruff: noqa: S608  every name in these statements is quoted by statloom.publication.sql

from dataclasses import dataclass

from sqlalchemy import Connection

from statloom.publication import supplements
from statloom.publication.shapes import HASH, Shape
from statloom.publication.sql import literal, names, quote, run

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


def load_all(
    connection: Connection, mart: str, shape: Shape, publication_id: int, order: list[str] | None = None
) -> Change:
    """Write every row of ``candidate.<mart>`` into ``published.<mart>``, which has no rows yet.

    ``order``: columns by which the rows shall lie on the disk.
    """
    columns = names(shape.columns)
    added = run(
        connection,
        f"insert into published.{quote(mart)} ({HASH}, published_from, {columns}) "
        f"select {hash_expression(shape, 'c')}, {publication_id:d}, {columns} from candidate.{quote(mart)} c "
        + (f"order by {names(order)}" if order else ""),
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
        select c.address as new_row, p.old_table, p.address as old_row, c.row_hash
        from (
            select ctid as address, {keys}, {hash_expression(shape, "c")} as row_hash
            from candidate.{quote(mart)} c
        ) c
        full join (
            select tableoid as old_table, ctid as address, {keys}, {HASH} as row_hash
            from published.{quote(mart)}
            where published_to is null
        ) p using ({keys})
        where c.row_hash is distinct from p.row_hash
        """,
    )
    return _count(connection, mart)


def find_noted(connection: Connection, mart: str, shape: Shape, notes: str) -> Change:
    """Like ``find``, but look only at the rows that table ``notes`` tells of, as they are told there.

    They are kept in the temporary table ``noted_row``, to which the addresses ``new_row`` lead.
    """
    keys, columns = names(shape.key), names(shape.columns)
    for table in ("difference", "noted_row"):
        run(connection, f"drop table if exists pg_temp.{table}")
    run(
        connection,
        f"create temporary table noted_row on commit drop as select distinct on ({keys}) "
        f"_statloom_gone, {columns} from {notes} order by {keys}, _statloom_note desc",
    )
    run(connection, f"analyze noted_row (_statloom_gone, {keys})")
    look_up(connection)

    def same(alias: str) -> str:
        return " and ".join(f"{alias}.{quote(name)} = k.{quote(name)}" for name in shape.key)

    # One statement can delete a row and insert another with its key; which is noted last is not known.
    run(
        connection,
        f"with back as (delete from noted_row k using candidate.{quote(mart)} c "
        f"where k._statloom_gone and {same('c')} returning {names(shape.columns, 'c')}) "
        f"insert into noted_row select false, {columns} from back",
    )
    run(
        connection,
        f"""
        create temporary table difference on commit drop as
        select k.new_row, p.old_table, p.address as old_row, k.row_hash
        from (
            select case when not _statloom_gone then ctid end as new_row, {keys},
                case when not _statloom_gone then {_hash_by_column(shape, "r")} end as row_hash
            from noted_row r
        ) k
        left join lateral (
            select tableoid as old_table, ctid as address, {HASH} as row_hash
            from published.{quote(mart)} p where published_to is null and {same("p")}
        ) p on true
        where k.row_hash is distinct from p.row_hash
        """,
    )
    return _count(connection, mart)


def look_up(connection: Connection) -> None:
    """Let this transaction look rows up one by one: the planner thinks reading a whole table is cheaper."""
    for setting in ("enable_hashjoin", "enable_mergejoin"):
        run(connection, f"set local {setting} = off")


def look_at_all(connection: Connection) -> None:
    """Take back what ``look_up`` did."""
    for setting in ("enable_hashjoin", "enable_mergejoin"):
        run(connection, f"set local {setting} = on")


def _count(connection: Connection, mart: str) -> Change:
    counts = run(
        connection,
        "select count(*) filter (where old_row is null), "
        "count(*) filter (where new_row is not null and old_row is not null), "
        "count(*) filter (where new_row is null) from difference",
    ).one()
    return Change(mart, *counts)


def write(
    connection: Connection, mart: str, shape: Shape, publication_id: int, order: list[str], source: str
) -> None:
    """Close the rows found by ``find`` and insert their new versions under ``publication_id``.

    ``source``: the table that the addresses of new rows lead to. ``order``: columns by which the new versions
    shall lie on the disk.
    """
    run(connection, "analyze difference")
    for table in supplements.names(connection, mart):
        run(
            connection,
            f"update only published.{quote(table)} p set published_to = {publication_id:d} "
            "from (select old_row from difference "
            f"where old_table = {literal(f'published.{quote(table)}')}::regclass order by old_row) d "
            "where p.ctid = d.old_row",
        )
    into = supplements.latest(connection, mart, shape)
    run(
        connection,
        f"insert into published.{quote(into)} ({HASH}, published_from, {names(shape.columns)}) "
        f"select d.row_hash, {publication_id:d}, {names(shape.columns, 'c')} "
        f"from (select * from difference order by new_row) d "
        f"join {source} c on c.ctid = d.new_row " + (f"order by {names(order, 'c')}" if order else ""),
    )


def rehash(connection: Connection, mart: str, shape: Shape) -> None:
    """Make the hashes of the current published rows anew, over the columns of ``shape``."""
    fresh = _hash_by_column(shape, "p")
    run(
        connection,
        f"update published.{quote(mart)} p set {HASH} = {fresh} "
        f"where published_to is null and {HASH} is distinct from {fresh}",
    )
