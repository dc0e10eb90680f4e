"""What releases say of series and codes: read once from the warehouse, kept with what is prepared."""

# ruff: noqa: S608  names in these statements are constants of this module

from collections.abc import Callable

from sqlalchemy import Connection

from statloom.exports.model import Category, CodeList, Goal, Indicator, Metadata, Target, Text
from statloom.publication import shapes
from statloom.publication.sql import run
from statloom.release import public_use

# Seeds and the columns read of them, in the order of their rows' keys; a column that a seed lacks is empty.
_SEEDS = {
    "breakdown": ("dimension", "concept", "title", "title_ne"),
    "code_list": ("dimension", "code", "title", "title_ne", "sdmx_code"),
    "unit": ("unit", "title", "title_ne", "sdmx_code"),
    "term": ("kind", "code", "title", "title_ne", "sdmx_code"),
    "goal": ("goal", "title", "title_ne"),
    "target": ("target", "goal", "title", "title_ne"),
    "indicator": (
        "indicator_code",
        "target",
        "global_indicator_code",
        "global_or_national",
        "title",
        "title_ne",
        "custodian",
        "note",
    ),
}
# Terms that name columns and concepts, not codes of a column.
_WORDS = ("column", "concept")


def read(connection: Connection) -> dict:
    """Return the seeds of the framework and the descriptions of the marts' columns, ready for JSON.

    Keys: the seeds' names (lists of rows), ``descriptions`` (column → text) and ``public_use`` (the
    public-use files to be made). A seed that is missing is empty.
    """
    there = shapes.read(connection, "reference")
    found = {name: _rows(connection, name, columns, there) for name, columns in _SEEDS.items()}
    marts = shapes.read(connection, "marts", "v")
    described = {}
    for mart in ("place", "indicator", "source", "observation"):  # what observation says comes first
        described |= marts[mart].column_comments if mart in marts else {}
    return found | {"descriptions": described, "public_use": public_use.declared(connection)}


def _rows(connection: Connection, seed: str, columns: tuple[str, ...], there: dict) -> list[list]:
    if seed not in there:
        return []
    known = there[seed].columns
    selected = ", ".join(f"{name}::text" if name in known else f"null as {name}" for name in columns)
    # The order of the file: codes are listed as their authors mean them.
    return [list(row) for row in run(connection, f"select {selected} from reference.{seed} order by ctid")]


def build(found: dict) -> Metadata:
    """Return what ``read`` found as the exporters see it."""
    lists: dict[str, list[Category]] = {}
    for dimension, code, title, title_ne, sdmx in found.get("code_list", ()):
        lists.setdefault(dimension, []).append(Category(code, Text(title or code, title_ne), sdmx))
    terms: dict[str, list[Category]] = {}
    for kind, code, title, title_ne, sdmx in found.get("term", ()):
        terms.setdefault(kind, []).append(Category(code, Text(title or code, title_ne), sdmx))
    columns = {category.code: category.title for category in terms.get("column", ())}
    dimensions = {
        dimension: CodeList(concept, Text(title or concept, title_ne), tuple(lists.get(dimension, ())))
        for dimension, concept, title, title_ne in found.get("breakdown", ())
    }
    columns = {dimension: listed.title for dimension, listed in dimensions.items()} | columns
    return Metadata(
        dimensions=dimensions,
        units=CodeList(
            "unit",
            columns.get("unit", Text("Unit of measure")),
            tuple(Category(c, Text(t or c, ne), sdmx) for c, t, ne, sdmx in found.get("unit", ())),
        ),
        terms={
            kind: CodeList(kind, columns.get(kind, Text(kind)), tuple(listed))
            for kind, listed in terms.items()
            if kind != "column"
        },
        indicators=_indicators(found),
        columns=columns,
        descriptions=found.get("descriptions", {}),
    )


def _indicators(found: dict) -> dict[str, Indicator]:
    goals = {code: Goal(code, Text(title, title_ne)) for code, title, title_ne in found.get("goal", ())}
    unknown: Callable[[str], Goal] = lambda code: Goal(code, Text(code))  # noqa: E731
    targets = {
        code: Target(code, Text(title, title_ne), goals.get(goal) or unknown(goal))
        for code, goal, title, title_ne in found.get("target", ())
    }
    return {
        code: Indicator(
            code,
            Text(title, title_ne),
            targets[target],
            global_code=near,
            scope=scope or "national",
            custodian=custodian or "",
            note=note or "",
        )
        for code, target, near, scope, title, title_ne, custodian, note in found.get("indicator", ())
        if target in targets
    }
