"""Expectations of completeness: who must report."""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

from typing import ClassVar

from statloom.quality import sql
from statloom.quality.expectations.base import RelationExpectation


class ExpectAllPlacesToReport(RelationExpectation):
    """Every place of a level has a row, in each group.

    The list of places is the warehouse's own, so a change of boundaries changes what is expected.
    Parameters ``level``; ``by``: columns of the group (none: all rows are one group); ``where``: SQL;
    ``vintage``: of the places (default: the latest among those that report).
    """

    level: str
    by: list[str] = []  # noqa: RUF012
    where: str | None = None
    vintage: str | None = None

    counted: ClassVar[str] = "places"
    order_by: ClassVar[str | None] = "place_id"

    def query(self) -> str:
        """Return a row for each group and place that must report."""
        level = sql.literal(self.level)
        # A place's id begins with its vintage.
        latest = "(select max(split_part(_place_id, ':', 1)) from reported)"
        vintage = sql.literal(self.vintage) if self.vintage else latest
        by = sql.names(self.by)
        groups = f"select distinct {by} from reported" if by else "select"
        return (
            f"with reported as (select distinct _place_id{', ' + by if by else ''} from {{placed}} as placed"
            f" where _place_level = {level} and {sql.both(self.where)})"
            f" select {sql.names(self.by, 'grouped') + ', ' if by else ''}place.place_id, place.place_name,"
            " reported._place_id is null as unexpected"
            f" from ({groups}) as grouped cross join"
            f" (select place_id, place_name from {{place}} as every_place"
            f" where place_level = {level} and place_vintage = {vintage}) as place"
            " left join reported on reported._place_id = place.place_id"
            + "".join(
                f" and reported.{sql.name(column)} is not distinct from grouped.{sql.name(column)}"
                for column in self.by
            )
        )
