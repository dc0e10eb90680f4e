"""Expectations that parts add up: sexes to the total, children to parents, one table to another."""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

from typing import ClassVar

from statloom.quality import sql
from statloom.quality.expectations.base import RelationExpectation


def _apart(left: str, right: str, tolerance: float, tolerance_absolute: float) -> str:
    """Return the SQL condition that two sums differ by more than the larger of the two tolerances.

    ``tolerance`` is a share of ``left``.
    """
    return f"abs({left} - {right}) > greatest({tolerance!r} * abs({left}), {tolerance_absolute!r})"


class ExpectPartsToAddUpToTotal(RelationExpectation):
    """In each group the parts of a breakdown add up to its total: the sexes to all persons.

    Parameters ``column``: of the breakdown; ``total``: its category for the total; ``parts``: its other
    categories (none given: all others); ``value``: what is summed; ``by``: columns of the group; ``where``:
    SQL; ``tolerance`` (share of the total), ``tolerance_absolute``. Groups are checked that have the total
    and all the parts.
    """

    column: str
    total: str
    parts: list[str] | None = None
    value: str
    by: list[str]
    where: str | None = None
    tolerance: float = 0.0
    tolerance_absolute: float = 0.0

    order_by: ClassVar[str | None] = "abs(difference) desc"

    def query(self) -> str:
        """Return a row for each group, with total and sum of parts."""
        column, value, by = sql.name(self.column), sql.name(self.value), sql.names(self.by)
        total = f"{column} = {sql.literal(self.total)}"
        if self.parts is None:
            parts = f"{column} <> {sql.literal(self.total)}"
            complete = f"bool_or({parts})"
            categories = "true"
        else:
            parts = f"{column} in ({sql.literals(self.parts)})"
            complete = " and ".join(f"bool_or({column} = {sql.literal(part)})" for part in self.parts)
            categories = f"{column} in ({sql.literals([self.total, *self.parts])})"
        return (
            f"select *, parts - total as difference,"
            f" {_apart('total', 'parts', self.tolerance, self.tolerance_absolute)} as unexpected"
            f" from (select {by}, sum({value}) filter (where {total}) as total,"
            f" sum({value}) filter (where {parts}) as parts"
            f" from {{batch}} as batch where {sql.both(categories, self.where)} group by {by}"
            f" having bool_or({total}) and {complete}) as sums"
        )


class ExpectNoCategoryToBeTheTotal(RelationExpectation):
    """No category carries the sum of all the others of its group: then it is the total under a wrong name.

    Parameters ``column``: of the categories; ``value``; ``by``: columns of the group; ``where``: SQL;
    ``minimum_categories``: with values above zero, for a group to be checked (two equal halves are no error);
    ``minimum_value``: smaller values are not checked, as small sums coincide by chance.
    """

    column: str
    value: str
    by: list[str]
    where: str | None = None
    minimum_categories: int = 4
    minimum_value: float = 0

    counted: ClassVar[str] = "rows"
    order_by: ClassVar[str | None] = "value desc"

    def query(self) -> str:
        """Return a row for each value of a group, with the sum of the others."""
        value, by = sql.name(self.value), sql.names(self.by)
        return (
            f"select *, value = others as unexpected"
            f" from (select {by}, {sql.name(self.column)} as category, {value} as value,"
            f" sum({value}) over in_group - {value} as others,"
            f" count(*) filter (where {value} > 0) over in_group as categories"
            f" from {{batch}} as batch where {sql.both(self.where)} window in_group as (partition by"
            f" {by})) as others"
            f" where categories >= {self.minimum_categories} and value > {self.minimum_value!r}"
        )


class ExpectChildrenToAddUpToParents(RelationExpectation):
    """The figures of the places of a level add up to those of the places above them.

    Parameters ``value``; ``parent_level``, ``child_level``: levels, not needing to be neighbours; ``by``:
    further columns that must agree; ``where``, ``parent_where``, ``child_where``: SQL; ``tolerance`` (share
    of the parent's figure), ``tolerance_absolute``. Parents are checked for which there are children.
    """

    value: str
    parent_level: str
    child_level: str
    by: list[str] = []  # noqa: RUF012
    where: str | None = None
    parent_where: str | None = None
    child_where: str | None = None
    tolerance: float = 0.0
    tolerance_absolute: float = 0.0

    order_by: ClassVar[str | None] = "abs(difference) desc"

    def query(self) -> str:
        """Return a row for each parent and group, with its figure and the sum of its children's."""
        value = sql.name(self.value)
        by = "".join(f", {sql.name(column)}" for column in self.by)
        above, below = sql.literal(self.parent_level), sql.literal(self.child_level)
        return (
            "with recursive climb as ("
            f" select place_id, parent_id from {{place}} as place where place_level = {below}"
            " union all select climb.place_id, place.parent_id"
            f" from climb join {{place}} as place on place.place_id = climb.parent_id where"
            f" place.place_level <> {above}),"
            " ancestor as (select climb.place_id, climb.parent_id as ancestor_id"
            f" from climb join {{place}} as place on place.place_id = climb.parent_id where"
            f" place.place_level = {above}),"
            f" parent as (select _place_id as parent_id, max(_place_name) as place{by}, sum({value})"
            " as parent"
            f" from {{placed}} as placed where _place_level = {above}"
            f" and {sql.both(self.where, self.parent_where)} group by _place_id{by}),"
            f" child as (select ancestor_id as parent_id{by}, sum({value}) as children"
            " from {placed} as placed join ancestor on ancestor.place_id = placed._place_id"
            f" where _place_level = {below} and {sql.both(self.where, self.child_where)} group by"
            f" ancestor_id{by})"
            f" select *, children - parent as difference,"
            f" {_apart('parent', 'children', self.tolerance, self.tolerance_absolute)} as unexpected"
            f" from parent join child using (parent_id{by})"
        )


class ExpectSumsToEqualThoseOf(RelationExpectation):
    """Sums of this table equal those of another: the nation is the same before and after a step.

    Parameters ``table``: the other, with schema; ``value``, ``other_value`` (default: the same); ``by``:
    columns that both have; ``where``, ``other_where``: SQL; ``tolerance`` (share of the other's sum),
    ``tolerance_absolute``. A group that one of the two lacks is unexpected.
    """

    table: str
    value: str
    other_value: str | None = None
    by: list[str]
    where: str | None = None
    other_where: str | None = None
    tolerance: float = 0.0
    tolerance_absolute: float = 0.0

    order_by: ClassVar[str | None] = "abs(coalesce(here, 0) - coalesce(there, 0)) desc"

    def query(self) -> str:
        """Return a row for each group of either table, with both sums."""
        by, other = sql.names(self.by), sql.name(*self.table.split("."))
        value, other_value = sql.name(self.value), sql.name(self.other_value or self.value)
        return (
            f"select *, coalesce({_apart('there', 'here', self.tolerance, self.tolerance_absolute)},"
            " true) as unexpected"
            f" from (select {by}, sum({value}) as here from {{batch}} as batch"
            f" where {sql.both(self.where)} group by {by}) as here"
            f" full join (select {by}, sum({other_value}) as there from {other} as other"
            f" where {sql.both(self.other_where)} group by {by}) as there using ({by})"
        )
