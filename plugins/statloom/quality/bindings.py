"""What the expectations of one judgement refer to: the table judged, the places, the delivery before.

An expectation's SQL names these by placeholders, so that one suite serves any delivery:

| placeholder | stands for |
| --- | --- |
| ``{batch}`` | the rows judged |
| ``{placed}`` | the same with ``_place_id``, ``_place_level`` and ``_place_name`` (null: not placed) |
| ``{place}`` | all places: the columns of seed ``place`` |
| ``{previous}`` | the rows of the last accepted delivery of this source; no rows when there is none |
| ``{table}`` | the name of the table that holds the rows judged, as a literal |
| ``{delivery_id}`` | the number of the delivery judged |
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from statloom.errors import StatloomError

_PLACEHOLDER = re.compile(r"\{(batch|placed|place|previous|table|delivery_id)\}")


@dataclass(frozen=True)
class Bindings:
    """What one judgement's placeholders stand for. The first four are SQL that may follow ``from``."""

    batch: str
    placed: str | None = None
    place: str | None = None
    previous: str | None = None
    table: str | None = None
    table_name: str = ""  # for messages
    delivery_id: int | None = None
    example_columns: tuple[str, ...] = ()  # shown of an offending row; empty: all but the hidden ones
    key_columns: tuple[str, ...] = ()  # shown beside an offending value
    hidden_columns: frozenset[str] = frozenset()

    def bind(self, sql: str) -> str:
        """Return ``sql`` with its placeholders replaced. Raises StatloomError for one without a meaning
        here."""

        def meaning(match: re.Match) -> str:
            value = getattr(self, match[1])
            if value is None:
                raise StatloomError(f"{match[0]} has no meaning at this gate")
            return str(value)

        return _PLACEHOLDER.sub(meaning, sql)


_current: ContextVar[Bindings] = ContextVar("bindings")


@contextmanager
def bound(bindings: Bindings) -> Iterator[None]:
    """Make ``bindings`` those of the expectations that run inside the block."""
    token = _current.set(bindings)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Bindings:
    """Return the bindings of the judgement that is running."""
    return _current.get()
