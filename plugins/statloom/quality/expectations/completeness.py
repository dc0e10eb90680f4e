"""Expectations of completeness: who must report."""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

from dataclasses import replace
from typing import ClassVar

from statloom.quality import sql
from statloom.quality.expectations.base import Fault, RelationExpectation


class ExpectAllPlacesToReport(RelationExpectation):
    """Every place of a level has a row, in each group.

    The list of places is the warehouse's own, so a change of boundaries changes what is expected. Units that
    are no statistical ones, such as national parks, need not report.
    Parameters ``level``; ``by``: columns of the group (none: all rows are one group); ``where``: SQL;
    ``vintage``: of the places (default: the latest among those that report).
    """

    level: str
    by: list[str] = []  # noqa: RUF012
    where: str | None = None
    vintage: str | None = None

    counted: ClassVar[str] = "places"
    explained_by_rows: ClassVar[bool] = False
    order_by: ClassVar[str | None] = "place_id"

    def relation(self) -> str:
        """Return a row for each group and place that must report."""
        level = sql.literal(self.level)
        by = sql.names(self.by)
        columns = f"{by}, " if by else ""
        groups = f"select distinct {by} from reported" if by else "select"
        # A place's id begins with its vintage.
        latest = "(select max(split_part(place_id, ':', 1)) from reported)"
        vintage = sql.literal(self.vintage) if self.vintage else latest
        return (
            f"with reported as (select distinct {columns}_place_id as place_id from {{placed}} as placed"
            f" where _place_level = {level} and {sql.both(self.where)})"
            f" select {columns}place_id, max(place_name) as place_name,"
            " not bool_or(is_reported) as unexpected"
            f" from (select {columns}place_id, place_name, false as is_reported from ({groups}) as grouped"
            f" cross join {{place}} as place where place_level = {level} and place_vintage = {vintage}"
            " and is_statistical::boolean"
            f" union all select {columns}place_id, null, true from reported) as places"
            f" group by {columns}place_id having not bool_and(is_reported)"
        )

    def fault(self) -> Fault:
        """Return the rows of those that did report: what lacks places is in doubt as a whole."""
        level = f"_place_level = {sql.literal(self.level)}"
        return replace(super().fault(), condition=sql.both(level, self.where))
