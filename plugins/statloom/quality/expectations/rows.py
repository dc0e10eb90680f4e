"""Expectations of single rows."""

from statloom.quality import sql
from statloom.quality.expectations.base import RowExpectation


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
