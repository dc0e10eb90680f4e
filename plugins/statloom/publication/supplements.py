"""Supplements: tables beside ``published.<mart>`` that take the versions of rows written later.

A change that is scattered over a large table touches a page of each of its indexes for almost every row, and
PostgreSQL writes each page that it touches to its log. A supplement is small, and so are its indexes: writing
there costs in proportion to the change. It inherits from ``published.<mart>``: whoever reads that table reads
its supplements too. They lie in the same schema as ``<mart>__later_<n>``.
"""

from sqlalchemy import Connection, text

from statloom.publication import tables
from statloom.publication.shapes import Shape
from statloom.publication.sql import fitting, quote, run

# A table below this size takes later versions itself.
SMALL_BYTES = 64 << 20
# A supplement that has this share of the tables before it is followed by another: their number then grows
# with the logarithm of what was ever written, and readers look into few.
SHARE = 0.2

_TABLES = text("""
select c.relname, pg_relation_size(c.oid) as bytes
from pg_class c
left join pg_inherits i on i.inhrelid = c.oid
where cast(:table as regclass) in (c.oid, i.inhparent)
order by i.inhparent is not null, length(c.relname), c.relname
""")


def names(connection: Connection, mart: str) -> list[str]:
    """Return the names of the tables in schema ``published`` that hold a mart's rows, the oldest first."""
    return [name for name, _ in _sizes(connection, mart)]


def latest(connection: Connection, mart: str, shape: Shape) -> str:
    """Return the name of the table that takes new versions; it is made when the one before is full."""
    sizes = _sizes(connection, mart)
    *before, (name, size) = sizes
    if size < max(SMALL_BYTES, SHARE * sum(other for _, other in before)):
        return name
    name = fitting(mart, f"__later_{len(sizes)}")
    # Versions that were written later are the likeliest to be closed by the next publication: room for it.
    run(
        connection,
        f"create table published.{quote(name)} () inherits (published.{quote(mart)}) with (fillfactor = 80)",
    )
    tables.index(connection, name, shape)
    return name


def _sizes(connection: Connection, mart: str) -> list[tuple[str, int]]:
    found = connection.execute(_TABLES, {"table": f"published.{quote(mart)}"})
    return [(name, size) for name, size in found]
