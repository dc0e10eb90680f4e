"""Where the rows of a delivery belong: their resolved places, and the list of all places.

A raw gate runs before dbt has loaded the seeds, on the first run of all. So the list of places comes from
the seed file itself, as a temporary table of the judging connection.
"""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

import csv
import io

from statloom import settings
from statloom.contracts import Contract
from statloom.errors import GateError
from statloom.quality import sql

PLACES = "statloom_place"
PLACED = "statloom_placed"
_COLUMNS = ("place_id", "place_vintage", "place_level", "place_name", "parent_id", "is_statistical")


def query(contract: Contract, batch: str) -> str:
    """Return the query of a delivery's rows with ``_place_id``, ``_place_level`` and ``_place_name``.

    ``batch``: SQL of the rows that may follow ``from``. The query needs the table of all places.
    """
    level = contract.first("place_level")
    match = {
        "place_level": _level(contract, level) if level else sql.literal(contract.place.level or ""),
        "place_code": _words(contract.first("place_code"), contract.place.code),
        "place_name": _words(contract.first("place_name")),
        "place_parent": _words(contract.first("place_parent")),
    }
    conditions = " and ".join(f"reference.{column} = {value}" for column, value in match.items())
    return (
        "select placed_batch.*, reference.place_id as _place_id, place.place_level as _place_level,"
        f" place.place_name as _place_name from {batch} as placed_batch"
        " left join places.place_reference as reference on reference.source_id ="
        f" {sql.literal(contract.source)} and {conditions}"
        f" left join {PLACES} as place on place.place_id = reference.place_id"
    )


def prepare(datasource, placed: str) -> None:
    """Give the connection of a Great Expectations datasource its tables ``PLACES`` and ``PLACED``.

    The first comes from the seed of all places, the second from the query ``placed``: made once, read by many
    checks. Raises GateError when the seed cannot be read.
    """
    seed = settings.load().dbt_project / "seeds" / "places" / "place.csv"
    try:
        with seed.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            header = next(rows)
            wanted = [header.index(column) for column in _COLUMNS]
            content = io.StringIO(newline="")
            csv.writer(content).writerows([row[index] for index in wanted] for row in rows)
    except (OSError, ValueError, StopIteration) as error:
        raise GateError(f"the list of places cannot be read: {seed}: {error}") from error
    with datasource.get_execution_engine().engine.begin() as connection:
        cursor = connection.connection.cursor()
        columns = ", ".join(f"{column} text" for column in _COLUMNS)
        cursor.execute(f"create temporary table {PLACES} ({columns})")
        with cursor.copy(f"copy {PLACES} from stdin with (format csv)") as copy:
            copy.write(content.getvalue())
        cursor.execute(f"analyze {PLACES}")
        cursor.execute(f"create temporary table {PLACED} as {placed}")


def _level(contract: Contract, column: str) -> str:
    """Return the source's word for the level, as a level."""
    words = contract.raw[column].values or {}
    cases = " ".join(f"when {sql.literal(word)} then {sql.literal(level)}" for word, level in words.items())
    name = f"placed_batch.{sql.name(column)}"
    return f"case {name} {cases} else '' end" if cases else f"coalesce({name}, '')"


def _words(column: str | None, otherwise: str | None = None) -> str:
    if column:
        return f"coalesce(placed_batch.{sql.name(column)}::text, '')"
    return sql.literal(otherwise or "")
