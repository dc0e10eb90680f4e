"""Which rows of a candidate were written since it was last compared: noted by triggers, as they are now.

A candidate that is kept and changed in place is then compared in proportion to the change. The notes are used
only while nothing could have changed the table past them: it is the same table on the same file (a rewrite
and TRUNCATE give it another), with the same columns, and its triggers are those that were put on it, never
switched off between. Otherwise, as after each build of dbt, which makes its tables anew, all rows are
compared.
"""

# ruff: noqa: S608  every name in these statements is quoted by statloom.publication.sql

from sqlalchemy import Connection, text

from statloom.publication.shapes import Shape
from statloom.publication.sql import fitting, literal, names, quote, run

_TRIGGER = "statloom_note_"
_EVENTS = {
    "insert": "new table as new_rows",
    "update": "old table as old_rows new table as new_rows",
    "delete": "old table as old_rows",
}
# Looking rows up one by one takes longer than comparing all, from about this share of them.
_WORTHWHILE = 0.2
_FEW = 1000

# pg_trigger.xmin changes when a trigger is switched off and on again. A table that takes part in inheritance
# can be written to without its own statement triggers.
_STATE = text(f"""
select concat_ws(' ', 'rows', c.oid, pg_relation_filenode(c.oid), (
    select string_agg(concat(t.tgname, t.tgenabled, t.xmin), ' ' order by t.tgname)
    from pg_trigger t where t.tgrelid = c.oid and starts_with(t.tgname, '{_TRIGGER}')
))
from pg_class c
where c.oid = cast(:table as regclass) and c.relkind = 'r'
    and not exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent))
    -- A column that is computed when it is read has no value yet when a trigger sees the row.
    and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attgenerated = 'v')
""")


def _name(mart: str) -> str:
    return fitting(mart, "__noted")


def table_of(mart: str) -> str:
    """Return the quoted name of the table of a mart's notes."""
    return f"publication.{quote(_name(mart))}"


def begin(connection: Connection, mart: str, shape: Shape, basis: str) -> None:
    """Note from now on what is written to ``candidate.<mart>``, which equals what is published.

    ``basis`` says how its rows are hashed. The caller has locked the table against writing.
    """
    table = f"candidate.{quote(mart)}"
    mart_is = {"mart": mart}
    notes = table_of(mart)
    if trusted(connection, mart, basis):
        if connection.scalar(text(f"select exists (select from {notes})")):
            run(connection, f"truncate {notes}")
        return
    run(connection, f"drop table if exists {notes}")
    state = connection.scalar(_STATE, {"table": table})
    connection.execute(text("delete from publication.candidate where mart = :mart"), mart_is)
    if state is None:
        return
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in shape.columns.items())
    run(
        connection,
        f"create table {notes} (_statloom_note bigint generated always as identity, "
        f"_statloom_gone boolean not null, {columns})",
    )
    given = (mart, _name(mart), names(shape.key), names(shape.columns))
    arguments = ", ".join(map(literal, given))
    for event, rows in _EVENTS.items():
        trigger = quote(_TRIGGER + event)
        run(
            connection,
            f"create or replace trigger {trigger} after {event} on {table} referencing {rows} "
            f"for each statement execute function publication.note_rows({arguments})",
        )
        run(connection, f"alter table {table} enable always trigger {trigger}")
    connection.execute(
        text("insert into publication.candidate values (:mart, :state, :basis)"),
        mart_is | {"state": connection.scalar(_STATE, {"table": table}), "basis": basis},
    )


def trusted(connection: Connection, mart: str, basis: str) -> bool:
    """Say whether the notes on ``candidate.<mart>`` tell all that differs from what is published."""
    known = connection.execute(
        text("select state, hash_basis from publication.candidate where mart = :mart"), {"mart": mart}
    ).one_or_none()
    return (
        known is not None
        and known.hash_basis == basis
        and known.state == connection.scalar(_STATE, {"table": f"candidate.{quote(mart)}"})
    )


def worthwhile(connection: Connection, mart: str) -> bool:
    """Say whether so few rows are noted that looking them up is faster than comparing all."""
    noted = run(connection, f"select count(*) from {table_of(mart)}").scalar_one()
    rows = connection.scalar(
        text("select reltuples from pg_class where oid = cast(:table as regclass)"),
        {"table": f"published.{quote(mart)}"},
    )
    return noted <= max(_FEW, _WORTHWHILE * rows)


def forget(connection: Connection) -> None:
    """Trust no notes: what they led to was taken back."""
    run(connection, "delete from publication.candidate")
