"""Queries of the quality report."""

from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

Rows = list[dict[str, Any]]


class Reader:
    """Reads rows as dictionaries or frames; a query on a relation that is not built yet gives none."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def has(self, relation: str) -> bool:
        """Return whether there is a table or view of that name."""
        return self.connection.scalar(text("select to_regclass(:name)"), {"name": relation}) is not None

    def columns(self, relation: str) -> set[str]:
        """Return the names of the columns of a table or view; none when it is not there."""
        found = self.connection.execute(
            text(
                "select attname from pg_attribute where attrelid = to_regclass(:name) and attnum > 0"
                " and not attisdropped"
            ),
            {"name": relation},
        )
        return set(found.scalars())

    def rows(self, query: str, relation: str | None = None, **values: object) -> Rows:
        """Return the rows of ``query``; none when ``relation`` is given and not there."""
        if relation and not self.has(relation):
            return []
        return [dict(row) for row in self.connection.execute(text(query), values).mappings()]

    def pairs(self, query: str, relation: str | None = None, **values: object) -> list[tuple[Any, Any]]:
        """Return the rows of a query of two columns; none when ``relation`` is given and not there."""
        if relation and not self.has(relation):
            return []
        return [tuple(row) for row in self.connection.execute(text(query), values)]

    def count(self, relation: str) -> int:
        """Return the number of rows of a table or view, 0 when it is not there."""
        found = self.rows(f"select count(*) as rows from {relation}", relation)  # noqa: S608 (a name of ours)
        return found[0]["rows"] if found else 0

    def execute(self, statement: str, keep: bool = True) -> None:
        """Run a statement; ``keep``: what it wrote."""
        self.connection.execute(text(statement))
        if keep:
            self.connection.commit()

    def one(self, query: str, otherwise: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the first row; ``otherwise`` when there is none."""
        rows = self.rows(query)
        return rows[0] if rows else (otherwise or {})

    def frame(self, query: str, columns: list[str], relation: str | None = None, **values) -> pd.DataFrame:
        """Return the rows of ``query`` as a frame of ``columns``; empty when ``relation`` is not there."""
        if relation and not self.has(relation):
            return pd.DataFrame(columns=columns, dtype="object")
        found = self.connection.execute(text(query), values).all()
        return pd.DataFrame([tuple(row) for row in found], columns=columns)
