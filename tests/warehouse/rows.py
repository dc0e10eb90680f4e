"""A warehouse of a test, and the plain ways to read and change it."""

from dataclasses import dataclass

from sqlalchemy import Engine, text


@dataclass(frozen=True)
class Warehouse:
    """A warehouse behind ``engine``, with the ``environment`` that leads to it."""

    engine: Engine
    environment: dict[str, str]

    def rows(self, query: str, **values) -> list[tuple]:
        """Return the rows of ``query``."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def value(self, query: str, **values):
        """Return the one value of ``query``."""
        [(value,)] = self.rows(query, **values)
        return value

    def run(self, statement: str, **values) -> None:
        """Run ``statement`` and commit."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)
