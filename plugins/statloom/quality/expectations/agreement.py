"""Expectations that figures agree: with other sources, with their own past, with their peers."""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

from dataclasses import replace
from typing import ClassVar

from statloom.quality import sql
from statloom.quality.expectations.base import Fault, RelationExpectation


class ExpectSourcesToAgree(RelationExpectation):
    """Sources that measure the same thing differ by at most a declared share.

    Parameters ``value``; ``source``: column that names the source; ``by``: columns of what is the same thing;
    ``where``: SQL; ``tolerance``: share of the larger figure. Groups with several sources are checked.
    """

    value: str
    source: str = "source_id"
    by: list[str]
    where: str | None = None
    tolerance: float

    order_by: ClassVar[str | None] = "highest - lowest desc"

    def relation(self) -> str:
        """Return a row for each group that has several sources."""
        value, source, by = sql.name(self.value), sql.name(self.source), sql.names(self.by)
        return (
            f"select *, highest - lowest > {self.tolerance!r} * greatest(abs(highest), abs(lowest))"
            " as unexpected"
            f" from (select {by}, min({value}) as lowest, max({value}) as highest,"
            f" string_agg(distinct {source}::text, ', ') as sources"
            f" from {{batch}} as batch where {sql.both(self.where)} group by {by}"
            f" having min({source}::text) <> max({source}::text)) as figures"
        )


class ExpectValuesNearOwnHistory(RelationExpectation):
    """From one period to the next a figure changes by at most a factor.

    Parameters ``value``; ``by``: columns of one series (place, indicator, breakdown); ``period``: column;
    ``maximum_factor``; ``minimum_value``: pairs of which both are smaller are not checked; ``where``: SQL.
    """

    value: str
    by: list[str]
    period: str = "period"
    maximum_factor: float
    minimum_value: float = 0
    where: str | None = None

    counted: ClassVar[str] = "changes"
    order_by: ClassVar[str | None] = "abs(value - before) desc"

    def relation(self) -> str:
        """Return a row for each figure that has one before it."""
        value, by, period = sql.name(self.value), sql.names(self.by), sql.name(self.period)
        return (
            f"select *, value > {self.maximum_factor!r} * before or before > {self.maximum_factor!r} * value"
            " as unexpected"
            f" from (select {by}, {period}, {value} as value,"
            f" lag({value}) over (partition by {by} order by {period}) as before"
            f" from {{batch}} as batch where {sql.both(self.where)}) as figures"
            f" where before is not null and greatest(value, before) >= {self.minimum_value!r}"
        )

    def fault(self) -> Fault:
        """Return the figure that is not like the one before it."""
        return replace(super().fault(), columns=(*self.by, self.period))


class ExpectValuesNearPeers(RelationExpectation):
    """No figure lies far outside those of its peers, by Tukey's fences around the quartiles.

    Parameters ``value``; ``by``: columns that peers share; ``label``: columns that say whose figure it is;
    ``spread``: interquartile ranges allowed beyond the quartiles; ``minimum_peers``; ``where``: SQL.
    """

    value: str
    by: list[str]
    label: list[str]
    spread: float = 10.0
    minimum_peers: int = 20
    where: str | None = None

    counted: ClassVar[str] = "figures"
    order_by: ClassVar[str | None] = "greatest(value - upper_quartile, lower_quartile - value) desc"

    def relation(self) -> str:
        """Return a row for each figure, with the quartiles of its peers."""
        value, by, label = sql.name(self.value), sql.names(self.by), sql.names(self.label)
        same = " and ".join(f"peer.{sql.name(c)} = figure.{sql.name(c)}" for c in self.by)
        quartile = f"percentile_cont({{}}) within group (order by {value})"
        reach = f"{self.spread!r} * (upper_quartile - lower_quartile)"
        return (
            f"with figure as (select {by}, {label}, {value} as value from {{batch}} as batch"
            f" where {sql.both(self.where, f'{value} is not null')}),"
            f" peer as (select {by}, {quartile.format(0.25)} as lower_quartile,"
            f" {quartile.format(0.75)} as upper_quartile from {{batch}} as batch"
            f" where {sql.both(self.where, f'{value} is not null')} group by {by}"
            f" having count(*) >= {self.minimum_peers})"
            " select figure.*, lower_quartile, upper_quartile,"
            f" value < lower_quartile - {reach} or value > upper_quartile + {reach} as unexpected"
            f" from figure join peer on {same}"
        )

    def fault(self) -> Fault:
        """Return the figure that lies far from its peers."""
        return replace(super().fault(), columns=(*self.by, *self.label))


class ExpectCategoriesToBeUnchanged(RelationExpectation):
    """A delivery has the categories of the delivery before it: none new, none gone.

    Parameter ``column``. A first delivery has nothing to be compared with and passes.
    """

    column: str

    counted: ClassVar[str] = "categories"
    explained_by_rows: ClassVar[bool] = False
    order_by: ClassVar[str | None] = "category"

    def relation(self) -> str:
        """Return a row for each category of either delivery."""
        column = sql.name(self.column)
        return (
            "select coalesce(now.category, before.category)::text as category,"
            " case when before.category is null then 'new' else 'gone' end as change,"
            " (now.category is null or before.category is null)"
            " and exists (select from {previous} as previous) as unexpected"
            f" from (select distinct {column} as category from {{batch}} as batch) as now"
            f" full join (select distinct {column} as category from {{previous}} as previous) as before"
            " on before.category = now.category"
        )

    def fault(self) -> Fault:
        """Return the rows of a category that is new; one that is gone has none."""
        return replace(super().fault(), match=f"judged.{sql.name(self.column)}::text = fault.category")
