"""Expectations that parts add up: sexes to the total, children to parents, one table to another."""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

from dataclasses import replace
from typing import ClassVar

from statloom.quality import sql
from statloom.quality.expectations.base import Fault, RelationExpectation


def _apart(left: str, right: str, tolerance: float, tolerance_absolute: float) -> str:
    """Return the SQL condition that two sums differ by more than the larger of the two tolerances.

    ``tolerance`` is a share of ``left``.
    """
    return f"abs({left} - {right}) > greatest({tolerance!r} * abs({left}), {tolerance_absolute!r})"


def _ancestors(parent_level: str, child_level: str) -> str:
    """Return common table expressions; ``ancestor`` has each place of the child level with its ancestor of
    the other.

    They need ``with recursive``.
    """
    above, below = sql.literal(parent_level), sql.literal(child_level)
    return (
        "climb as ("
        f" select place_id, parent_id from {{place}} as place where place_level = {below}"
        " union all select climb.place_id, place.parent_id"
        f" from climb join {{place}} as place on place.place_id = climb.parent_id"
        f" where place.place_level <> {above}),"
        " ancestor as (select climb.place_id, climb.parent_id as ancestor_id"
        f" from climb join {{place}} as place on place.place_id = climb.parent_id"
        f" where place.place_level = {above})"
    )


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

    def relation(self) -> str:
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

    def fault(self) -> Fault:
        """Return total and parts of the groups: which of them is wrong is not known."""
        among = self.parts and f"{sql.name(self.column)} in ({sql.literals([self.total, *self.parts])})"
        return replace(super().fault(), condition=sql.both(self.where, among))


class ExpectNoPartToExceedTheTotal(RelationExpectation):
    """No category exceeds the total of its group, where categories overlap: households with a radio, all
    households.

    Parameters ``column``: of the categories; ``total``: its category for the total; ``value``; ``by``:
    columns of the group; ``where``: SQL.
    """

    column: str
    total: str
    value: str
    by: list[str]
    where: str | None = None

    counted: ClassVar[str] = "rows"
    order_by: ClassVar[str | None] = "value - total desc"

    def relation(self) -> str:
        """Return a row for each category but the total, with the total of its group."""
        column, value, by = sql.name(self.column), sql.name(self.value), sql.names(self.by)
        is_total = f"{column} = {sql.literal(self.total)}"
        return (
            "select *, value > total as unexpected"
            f" from (select {by}, {column} as category, {value} as value,"
            f" max({value}) filter (where {is_total}) over (partition by {by}) as total"
            f" from {{batch}} as batch where {sql.both(self.where)}) as categories"
            f" where total is not null and category <> {sql.literal(self.total)}"
        )

    def fault(self) -> Fault:
        """Return the category and the total that it exceeds."""
        column = f"judged.{sql.name(self.column)}"
        return replace(super().fault(), match=f"{column} in (fault.category, {sql.literal(self.total)})")


class ExpectNoCategoryToBeTheTotal(RelationExpectation):
    """No category carries the sum of all the others of its group: then it is the total under a wrong name.

    Parameters ``column``: of the categories; ``value``; ``by``: columns of the group; ``where``: SQL;
    ``minimum_categories``: with values above zero, for a group to be checked (two equal halves are no error);
    ``minimum_value``: smaller values are not checked, as small sums coincide by chance; ``tolerance``: share
    of the value by which it may miss the sum and count as the total all the same, as when a label is lost.
    """

    column: str
    value: str
    by: list[str]
    where: str | None = None
    minimum_categories: int = 4
    minimum_value: float = 0
    tolerance: float = 0.0

    counted: ClassVar[str] = "rows"
    order_by: ClassVar[str | None] = "value desc"

    def relation(self) -> str:
        """Return a row for each value of a group, with the sum of the others."""
        value, by = sql.name(self.value), sql.names(self.by)
        return (
            f"select *, abs(value - others) <= {self.tolerance!r} * value as unexpected"
            f" from (select {by}, {sql.name(self.column)} as category, {value} as value,"
            f" sum({value}) over in_group - {value} as others,"
            f" count(*) filter (where {value} > 0) over in_group as categories"
            f" from {{batch}} as batch where {sql.both(self.where)} window in_group as (partition by"
            f" {by})) as others"
            f" where categories >= {self.minimum_categories} and value > {self.minimum_value!r}"
        )

    def fault(self) -> Fault:
        """Return the category that carries the total."""
        return replace(super().fault(), match=f"judged.{sql.name(self.column)} = fault.category")


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

    def relation(self) -> str:
        """Return a row for each parent and group, with its figure and the sum of its children's."""
        value = sql.name(self.value)
        by = "".join(f", {sql.name(column)}" for column in self.by)
        above, below = sql.literal(self.parent_level), sql.literal(self.child_level)
        sums = f"{{}} as parent_id{by}, {{}} as place, {{}} as parent, {{}} as children"
        parents = sums.format("_place_id", "max(_place_name)", f"sum({value})", "null")
        children = sums.format("ancestor_id", "null", "null", f"sum({value})")
        return (
            f"with recursive {_ancestors(self.parent_level, self.child_level)},"
            # Stacked and grouped, not joined: no plan for it is slow, however wrong the estimates of rows.
            f" both_levels as (select {parents} from {{placed}} as placed"
            f" where _place_level = {above} and {sql.both(self.where, self.parent_where)}"
            f" group by _place_id{by} union all select {children} from {{placed}} as placed"
            " join ancestor on ancestor.place_id = placed._place_id"
            f" where _place_level = {below} and {sql.both(self.where, self.child_where)}"
            f" group by ancestor_id{by})"
            f" select *, children - parent as difference,"
            f" {_apart('parent', 'children', self.tolerance, self.tolerance_absolute)} as unexpected"
            f" from (select max(place) as place{by}, sum(parent) as parent, sum(children) as children"
            f" from both_levels group by parent_id{by}) as compared"
            " where parent is not null and children is not null"
        )

    def fault(self) -> Fault:
        """Return the rows of both levels: which of them is wrong is not known."""
        above = sql.both(f"_place_level = {sql.literal(self.parent_level)}", self.parent_where)
        below = sql.both(f"_place_level = {sql.literal(self.child_level)}", self.child_where)
        return replace(super().fault(), condition=sql.both(self.where, f"({above}) or ({below})"))


class ExpectParentsToLieAmongChildren(RelationExpectation):
    """An average or rate of a place lies between the smallest and the largest of its children.

    Parameters ``value``; ``parent_level``, ``child_level``; ``by``: further columns that must agree;
    ``where``: SQL.
    """

    value: str
    parent_level: str
    child_level: str
    by: list[str] = []  # noqa: RUF012
    where: str | None = None

    order_by: ClassVar[str | None] = "greatest(lowest - parent, parent - highest) desc"

    def relation(self) -> str:
        """Return a row for each parent and group, with the extremes of its children."""
        value = sql.name(self.value)
        by = "".join(f", {sql.name(column)}" for column in self.by)
        return (
            f"with recursive {_ancestors(self.parent_level, self.child_level)},"
            f" parent as materialized (select _place_id as parent_id, _place_name as place{by},"
            f" {value} as parent"
            f" from {{placed}} as placed where _place_level = {sql.literal(self.parent_level)}"
            f" and {sql.both(self.where)}),"
            f" child as materialized (select ancestor_id as parent_id{by}, min({value}) as lowest,"
            f" max({value}) as highest"
            " from {placed} as placed join ancestor on ancestor.place_id = placed._place_id"
            f" where _place_level = {sql.literal(self.child_level)} and {sql.both(self.where)}"
            f" group by ancestor_id{by})"
            f" select place{by}, parent, lowest, highest, parent < lowest or parent > highest as unexpected"
            f" from parent join child using (parent_id{by})"
        )

    def fault(self) -> Fault:
        """Return the rows of both levels: which of them is wrong is not known."""
        levels = f"_place_level in ({sql.literals([self.parent_level, self.child_level])})"
        return replace(super().fault(), condition=sql.both(self.where, levels))


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

    def relation(self) -> str:
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
