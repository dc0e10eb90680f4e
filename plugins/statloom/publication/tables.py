"""The tables ``published.<mart>``: every version of every row, and the indexes that diff and readers need."""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from statloom.errors import StatloomError
from statloom.publication import supplements
from statloom.publication.shapes import HASH, Shape
from statloom.publication.sql import LOCK_NOT_AVAILABLE, names, quote, run, state

WRITTEN = "published_from + 0"
# How readers ask: for a series over all places, for all series of a place.
_READ_BY = (
    ["series_code", "place_code", "period"],
    ["place_code", "series_code"],
    ["place_id", "series_code"],
)
_READ_BY_PLACE = {"place_profile"}
HIDDEN = (HASH, "published_from", "published_to")

_INDEXED = text("""
select (
    select jsonb_agg(a.attname order by k.position)
    from unnest(i.indkey) with ordinality k (attnum, position)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
)
from pg_index i where i.indrelid = cast(:table as regclass)
""")

_KNOWN = text("""
select c.relname, greatest(c.reltuples, 0) as rows, exists (
    select from pg_stats s where s.schemaname = 'published' and s.tablename = c.relname and s.inherited
) as inherited
from unnest(cast(:tables as text[])) with ordinality t (name, position)
join pg_class c on c.oid = cast(t.name as regclass)
order by t.position
""")


def mart_columns(published: Shape) -> dict[str, str]:
    """Return the mart's own columns of a published table."""
    return {name: kind for name, kind in published.columns.items() if name not in HIDDEN}


def create(connection: Connection, mart: str, candidate: Shape) -> None:
    """Create ``published.<mart>`` without indexes; ``index`` adds them after the first rows."""
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in candidate.columns.items())
    # The hash stands first: the comparison then reads the head of each row and skips the rest. The room left
    # in each page lets a row be closed on its page, without a new entry in any index.
    run(
        connection,
        f"create table published.{quote(mart)} ({HASH} bigint not null, published_from integer not null, "
        f"published_to integer, {columns}) with (fillfactor = 95)",
    )


def order(mart: str, candidate: Shape) -> list[str]:
    """Return the columns by which the rows of a mart shall lie: those read together on the same pages."""
    wanted = (
        ["place_id", "series_code"] if mart in _READ_BY_PLACE else ["series_code", "place_code", "period"]
    )
    columns = [name for name in wanted if name in candidate.columns]
    return columns if columns[:1] == wanted[:1] else []


def index(connection: Connection, name: str, candidate: Shape) -> None:
    """Create the indexes of ``published.<name>``: by key, and by series and place where it has such columns.

    None of them holds ``published_to``, so that closing a row touches no index.
    """
    table = f"published.{quote(name)}"
    run(connection, f"alter table {table} add primary key ({names(candidate.key)}, published_from)")
    # For what one publication wrote. As an expression, which no reader's condition names: the planner would
    # take a plain index on the column for selective and use it in their plans.
    run(connection, f"create index on {table} using brin (({WRITTEN}))")
    index_for_readers(connection, name, candidate)


def index_for_readers(connection: Connection, name: str, candidate: Shape) -> None:
    """Create the indexes for readers that ``published.<name>`` does not have yet."""
    table = f"published.{quote(name)}"
    there = {
        tuple(columns) for columns in connection.execute(_INDEXED, {"table": table}).scalars() if columns
    }
    for wanted in _READ_BY:
        columns = [name for name in wanted if name in candidate.columns]
        is_key = tuple(columns) == candidate.key[: len(columns)]
        if columns[:1] == wanted[:1] and not is_key and tuple(columns) not in there:
            run(connection, f"create index on {table} ({names(columns)})")


def stale(connection: Connection, mart: str, candidate: Shape, written: int, closed: int) -> list[str]:
    """Return the statements that give the planner statistics where a publication made them untrue.

    ``written``: rows of the mart that were inserted, into the latest of its tables; ``closed``: rows that
    were closed, in any.
    """
    known = {
        name: (rows, inherited)
        for name, rows, inherited in connection.execute(
            _KNOWN, {"tables": [f"published.{quote(name)}" for name in supplements.names(connection, mart)]}
        )
    }
    *_, latest = known
    rows, inherited = known[mart]
    if (written if latest == mart else 0) + closed > 0.1 * rows or (latest != mart and not inherited):
        return [f"analyze published.{quote(mart)}"]
    if latest != mart and written > 0.1 * known[latest][0]:
        # What readers ask by; the rest is told by the mart's statistics until the server renews these itself.
        asked = {name for columns in _READ_BY for name in columns} | set(candidate.key)
        columns = [name for name in candidate.columns if name in asked]
        return [f"analyze published.{quote(latest)} ({names(columns)})"]
    return []


def differs(published: Shape, candidate: Shape) -> bool:
    """Say whether ``adapt`` has something to do."""
    has = mart_columns(published)
    return any(has.get(name) != kind for name, kind in candidate.columns.items()) or published.key != (
        *candidate.key,
        "published_from",
    )


def adapt(connection: Connection, mart: str, published: Shape, candidate: Shape) -> None:
    """Give ``published.<mart>`` the columns and key that ``candidate.<mart>`` has now.

    A column that the candidate no longer has stays in the table: older publications show it. Raises
    StatloomError when published values do not convert to a column's new type, or published rows are not
    unique under a new key.
    """
    table = f"published.{quote(mart)}"
    has = mart_columns(published)
    for name, kind in candidate.columns.items():
        if name not in has:
            run(connection, f"alter table {table} add column {quote(name)} {kind}")
        elif has[name] != kind:
            conversion = f"alter column {quote(name)} type {kind} using {quote(name)}::{kind}"
            _or_explain(
                connection,
                f"alter table {table} {conversion}",
                f"mart {mart}, column {name}: published as {has[name]}, the candidate has {kind}, and what "
                "was published does not convert; give the column a new name",
            )
    if published.key != (*candidate.key, "published_from"):
        for name in supplements.names(connection, mart):
            _change_key(connection, mart, f"published.{quote(name)}", candidate)


def _change_key(connection: Connection, mart: str, table: str, candidate: Shape) -> None:
    old = connection.execute(
        text("select conname from pg_constraint where conrelid = cast(:table as regclass) and contype = 'p'"),
        {"table": table},
    ).scalar_one_or_none()
    if old:
        run(connection, f"alter table {table} drop constraint {quote(old)}")
    keys = names(candidate.key)
    _or_explain(
        connection,
        f"alter table {table} add primary key ({keys}, published_from)",
        f"mart {mart}: the candidate's key is now ({keys}), under which published rows are not unique; "
        "give the mart a new name",
    )


def _or_explain(connection: Connection, statement: str, explanation: str) -> None:
    try:
        run(connection, statement)
    except DBAPIError as error:
        if state(error) == LOCK_NOT_AVAILABLE:
            raise
        raise StatloomError(f"{explanation} ({str(error.orig).splitlines()[0]})") from error
