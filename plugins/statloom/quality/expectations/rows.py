"""Expectations of single rows, and of whatever a query finds."""

# ruff: noqa: S608  (the query is the suite's own)

from typing import ClassVar

from statloom.quality import sql
from statloom.quality.expectations.base import Fault, RelationExpectation, RowExpectation


class ExpectRowsToSatisfy(RowExpectation):
    """Every row satisfies an SQL condition; unknown (a null in it) satisfies it too.

    Parameter ``condition``: SQL over the table's columns.
    """

    condition: str

    def violation(self) -> str:
        """Return the condition's being false."""
        return f"({self.condition}) is false"


class ExpectPartNotGreaterThanWhole(RowExpectation):
    """In every row a part is at most its whole: a numerator its denominator, women all persons.

    Parameters ``part``, ``whole``: columns.
    """

    part: str
    whole: str

    def violation(self) -> str:
        """Return the part's being greater."""
        return f"{sql.name(self.part)} > {sql.name(self.whole)}"


class ExpectQueryToFindNothing(RelationExpectation):
    """A query finds no rows: what it returns is unexpected.

    Parameter ``query``: SQL with placeholders of `statloom.quality.bindings`, such as ``{batch}``.
    """

    query: str

    counted: ClassVar[str] = "rows"
    checked: ClassVar[str] = "(select count(*) from {batch} as batch)"

    def relation(self) -> str:
        """Return the rows found."""
        return f"select *, true as unexpected from ({self.query}) as found"

    def fault(self) -> Fault:
        """Return the rows that share with what was found all columns that both have."""
        return Fault(relation=self.relation(), columns=None)
