"""Expectations of structure: columns, types, keys."""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

from typing import ClassVar

from statloom.quality import sql
from statloom.quality.expectations.base import RelationExpectation


class ExpectColumnsToHaveTypes(RelationExpectation):
    """The table has these columns, of these types.

    Parameter ``columns``: ``{name: PostgreSQL type}``.
    """

    columns: dict[str, str]

    counted: ClassVar[str] = "columns"

    def relation(self) -> str:
        """Return a row for each declared column."""
        declared = ", ".join(f"({sql.literals([column, type_])})" for column, type_ in self.columns.items())
        return (
            "select declared.column_name, declared.type as declared_type,"
            " coalesce(format_type(found.atttypid, found.atttypmod), 'no such column') as found_type,"
            " found.atttypid is distinct from to_regtype(declared.type)::oid as unexpected"
            f" from (values {declared}) as declared (column_name, type)"
            " left join pg_attribute as found on found.attrelid = to_regclass({table})"
            " and found.attname = declared.column_name and found.attnum > 0 and not found.attisdropped"
        )

    def fault(self) -> None:
        """Return nothing: it is the whole that is at fault."""


class ExpectKeysToBeUnique(RelationExpectation):
    """No two rows have the same key. Counted are the rows beyond the first of each key.

    Parameters ``columns``: of the key; ``where``: SQL, only such rows are checked.
    """

    columns: list[str]
    where: str | None = None

    counted: ClassVar[str] = "rows"
    checked: ClassVar[str] = "sum(rows)"
    unexpected: ClassVar[str] = "sum(rows - 1)"
    order_by: ClassVar[str | None] = "rows desc"

    def relation(self) -> str:
        """Return a row for each key, with its number of rows."""
        key = sql.names(self.columns)
        return (
            f"select {key}, count(*) as rows, count(*) > 1 as unexpected"
            f" from {{batch}} as batch where {sql.both(self.where)} group by {key}"
        )

    def fault(self) -> None:
        """Return nothing: it is the whole that is at fault."""
