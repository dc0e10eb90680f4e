"""The stable views ``marts.<mart>``.

A view is made once and kept, with the grants on it and the views that users built on it. A new column is
appended to it. When a column went or changed its type the view has to be made anew: that is done, with its
grants, when nothing stands on the view, and otherwise refused with a message that names what does.
"""

# ruff: noqa: S608  every name in these statements is quoted by statloom.publication.sql

from sqlalchemy import Connection, text

from statloom.errors import StatloomError
from statloom.publication.shapes import Shape
from statloom.publication.sql import literal, names, quote, run

ANALYST = "statloom_analyst"


def columns_wanted(view: Shape | None, candidate: Shape) -> list[str]:
    """Return the view's columns: those it has keep their places, new ones come last."""
    kept = [name for name in (view.columns if view else ()) if name in candidate.columns]
    return kept + [name for name in candidate.columns if name not in kept]


def broken_by(view: Shape | None, candidate: Shape) -> str | None:
    """Say why the view cannot be kept for the candidate's columns; None when it can."""
    for name, kind in (view.columns if view else {}).items():
        if name not in candidate.columns:
            return f"column {name} is gone"
        if candidate.columns[name] != kind:
            return f"column {name} is {candidate.columns[name]} now, and was {kind}"
    return None


def put(connection: Connection, mart: str, columns: list[str]) -> None:
    """Make or extend ``marts.<mart>``; it shows the rows of the publication that the transaction reads."""
    run(
        connection,
        f"create or replace view marts.{quote(mart)} as select {names(columns)} from published.{quote(mart)} "
        f"where published_from <= (select publication_id from publication.current) "
        f"and (published_to is null or published_to > (select publication_id from publication.current))",
    )


def drop(connection: Connection, mart: str, why: str) -> list[str]:
    """Drop ``marts.<mart>`` and return the statements that grant it anew.

    Raises StatloomError when other views stand on it.
    """
    view = {"view": f"marts.{quote(mart)}"}
    users = connection.execute(
        text(
            "select distinct cast(cast(c.oid as regclass) as text) from pg_depend d "
            "join pg_rewrite r on r.oid = d.objid and d.classid = cast('pg_rewrite' as regclass) "
            "join pg_class c on c.oid = r.ev_class "
            "where d.refobjid = cast(:view as regclass) and c.oid <> d.refobjid order by 1"
        ),
        view,
    ).scalars()
    standing = ", ".join(users)
    if standing:
        raise StatloomError(
            f"mart {mart}: {why}, and {standing} stands on marts.{mart}; the published marts are as before. "
            "Drop what stands on it, publish, and make it again, or keep the column as it was"
        )
    grants = connection.execute(
        text(
            "select format('grant %s on marts.%I to %s%s', a.privilege_type, c.relname, "
            "case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end, "
            "case when a.is_grantable then ' with grant option' else '' end) "
            "from pg_class c cross join aclexplode(c.relacl) a "
            "where c.oid = cast(:view as regclass) and a.grantee <> c.relowner"
        ),
        view,
    ).scalars()
    statements = list(grants)
    run(connection, f"drop view marts.{quote(mart)}")
    return statements


def describe(connection: Connection, mart: str, view: Shape, candidate: Shape) -> None:
    """Copy the descriptions of ``candidate.<mart>`` and of its columns to the view, where they differ."""
    target = f"marts.{quote(mart)}"
    if candidate.comment != view.comment:
        run(connection, f"comment on view {target} is {literal(candidate.comment)}")
    for name in candidate.columns:
        comment = candidate.column_comments.get(name)
        if comment != view.column_comments.get(name):
            run(connection, f"comment on column {target}.{quote(name)} is {literal(comment)}")


def grant(connection: Connection, mart: str) -> None:
    """Let the analyst role read ``marts.<mart>``, where that role exists."""
    missing = connection.execute(
        text(
            "select not has_table_privilege(rolname, cast(:view as regclass), 'select') "
            "or not has_schema_privilege(rolname, 'marts', 'usage') from pg_roles where rolname = :role"
        ),
        {"view": f"marts.{quote(mart)}", "role": ANALYST},
    ).scalar_one_or_none()
    if missing:
        run(connection, f"grant usage on schema marts to {ANALYST}")
        run(connection, f"grant select on marts.{quote(mart)} to {ANALYST}")
