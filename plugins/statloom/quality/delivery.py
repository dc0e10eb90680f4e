"""The rows of one delivery as a table of the judging connection, each row with its place.

A temporary table is filled once and read by many checks. Of a query, Great Expectations would fetch every
row, only to learn its columns. A raw gate runs before dbt has loaded the seeds, on the first run of all: so
the list of places comes from the seed file itself.
"""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql)

import csv
import io

from sqlalchemy import Connection

from statloom import settings
from statloom.contracts import Contract
from statloom.errors import GateError
from statloom.quality import sql

BATCH = "judged_delivery"
PLACES = "judged_place"
_COLUMNS = ("place_id", "place_vintage", "place_level", "place_name", "parent_id", "is_statistical")


PREVIOUS = "judged_before"


def prepare(connection: Connection, contract: Contract, delivery_id: int, previous_id: int | None) -> None:
    """Make the temporary tables ``PLACES``, all places, and ``BATCH``, the delivery's rows with their places.

    ``BATCH`` has ``_place_id``, ``_place_level`` and ``_place_name`` besides, null where a row is not placed.
    View ``PREVIOUS`` has the rows of the delivery before. No personal identifier is in any of them: no check
    can show one. Raises GateError when the seed of places cannot be read.
    """
    with connection.connection.cursor() as cursor:
        table = sql.name("raw", contract.source)
        shown = _shown_columns(cursor, contract)
        rows = f"(select {sql.names(shown)} from {table} where _delivery_id = {{}})"
        places = ", ".join(f"{column} text" for column in _COLUMNS)
        cursor.execute(f"create temporary table {PLACES} ({places})")
        with cursor.copy(f"copy {PLACES} from stdin with (format csv)") as copy:
            copy.write(_seed())
        cursor.execute(f"analyze {PLACES}")
        cursor.execute(
            f"create temporary table {BATCH} as {_placed(contract, rows.format(int(delivery_id)))}"
        )
        cursor.execute(f"analyze {BATCH}")
        before = rows.format(-1 if previous_id is None else int(previous_id))
        cursor.execute(f"create temporary view {PREVIOUS} as select * from {before} as delivery_before")


def _shown_columns(cursor, contract: Contract) -> list[str]:
    """Return the columns that the raw table has, but for personal identifiers."""
    found = cursor.execute(
        "select attname from pg_attribute"
        " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
        [sql.name("raw", contract.source)],
    )
    hidden = {name for name, column in contract.columns.items() if column.role == "personal_identifier"}
    columns = [name for (name,) in found if name not in hidden]
    if not columns:
        raise GateError(f"raw.{contract.source} cannot be judged: there is no such table")
    return columns


def _seed() -> str:
    seed = settings.load().dbt_project / "seeds" / "places" / "place.csv"
    try:
        with seed.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            header = next(lines)
            wanted = [header.index(column) for column in _COLUMNS]
            content = io.StringIO(newline="")
            csv.writer(content).writerows([line[index] for index in wanted] for line in lines)
    except (OSError, ValueError, StopIteration) as error:
        raise GateError(f"the list of places cannot be read: {seed}: {error}") from error
    return content.getvalue()


def _placed(contract: Contract, rows: str) -> str:
    level = contract.first("place_level")
    match = {
        "place_level": _level(contract, level) if level else sql.literal(contract.place.level or ""),
        "place_code": _words(contract.first("place_code"), contract.place.code),
        "place_name": _words(contract.first("place_name")),
        "place_parent": _words(contract.first("place_parent")),
    }
    conditions = " and ".join(f"reference.{column} = {value}" for column, value in match.items())
    return (
        "select raw_row.*, reference.place_id as _place_id, place.place_level as _place_level,"
        f" place.place_name as _place_name from {rows} as raw_row"
        " left join places.place_reference as reference on reference.source_id ="
        f" {sql.literal(contract.source)} and reference.place_scheme = {sql.literal(contract.place.scheme)}"
        f" and {conditions} left join {PLACES} as place on place.place_id = reference.place_id"
    )


def _level(contract: Contract, column: str) -> str:
    """Return the source's word for the level, as a level."""
    words = contract.raw[column].values or {}
    cases = " ".join(f"when {sql.literal(word)} then {sql.literal(level)}" for word, level in words.items())
    name = f"raw_row.{sql.name(column)}"
    return f"case {name} {cases} else '' end" if cases else f"coalesce({name}, '')"


def _words(column: str | None, otherwise: str | None = None) -> str:
    if column:
        return f"coalesce(raw_row.{sql.name(column)}::text, '')"
    return sql.literal(otherwise or "")
