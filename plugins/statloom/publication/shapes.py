"""The shape of a mart: columns, types, key and descriptions, as PostgreSQL's catalogue has them."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, text

# The column of a published table that holds the hash of the mart's own columns.
HASH = "_row_hash"


@dataclass(frozen=True)
class Shape:
    """One table or view: ``columns`` maps names to PostgreSQL types in order; ``key`` is its primary key."""

    columns: dict[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    comment: str | None = None
    column_comments: dict[str, str] = field(default_factory=dict)


# dbt's own intermediate tables, left behind when it was killed.
_INTERMEDIATE = ("__dbt_tmp", "__dbt_backup")

_SHAPES = text("""
select c.relname, obj_description(c.oid, 'pg_class') as comment,
    (select jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod),
                                        col_description(c.oid, a.attnum)) order by a.attnum)
     from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select jsonb_agg(a.attname order by k.position)
     from pg_constraint p
     cross join unnest(p.conkey) with ordinality k (attnum, position)
     join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
     where p.conrelid = c.oid and p.contype = 'p') as key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = :schema and c.relkind = any (:kinds)
    -- What inherits belongs to its parent.
    and not exists (select from pg_inherits i where i.inhrelid = c.oid)
order by c.relname
""")


def read(connection: Connection, schema: str, kinds: str = "rp") -> dict[str, Shape]:
    """Return the shape of every relation in ``schema`` by name.

    ``kinds`` are PostgreSQL's letters: r table, p partitioned table, v view.
    """
    rows = connection.execute(_SHAPES, {"schema": schema, "kinds": list(kinds)})
    return {
        name: Shape(
            columns={column: kind for column, kind, _ in columns or []},
            key=tuple(key or ()),
            comment=comment,
            column_comments={column: said for column, _, said in columns or [] if said},
        )
        for name, comment, columns, key in rows
        if not name.endswith(_INTERMEDIATE)
    }
