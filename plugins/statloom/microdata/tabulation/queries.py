"""The two phases of a tabulation as SQL trees: written once, rendered for DuckDB or for Apache Spark.

Phase one groups the units by their finest place and all breakdowns; its cells are additive, so those of
several parts of the data may stand together. Phase two adds them up to every place level and every wanted
combination of breakdowns by GROUPING SETS. All sums are of whole numbers: values and weights are taken in
millionths, so that a sum does not depend on the order of rows, the number of threads, the parts or the
engine.
"""

from dataclasses import dataclass

from sqlglot import exp

from statloom.contracts.model import TOTAL, UNKNOWN
from statloom.contracts.tabulation import COUNTRY, Figure, Plan

UNITS = "units"
CELLS = "cells"
MILLION = 1_000_000
LARGEST = 1e11
"""Values and weights are below it: in millionths they are whole numbers of 64 bits."""
_WEIGHT = "_weight"


@dataclass(frozen=True)
class Sum:
    """A figure's columns in the cells: ``value`` is in ``scale``-ths; ``count`` is the column of its
    units."""

    figure: Figure
    value: str
    count: str
    scale: int


def sums(plan: Plan) -> list[Sum]:
    """Return the columns of each figure of ``plan``; an unweighted count is its own count of units."""
    found = []
    for number, figure in enumerate(plan.figures):
        scale = (MILLION if plan.weight else 1) * (MILLION if figure.kind == "number" else 1)
        counted = figure.kind == "condition" and plan.weight is None
        found.append(Sum(figure, f"v{number}", f"v{number}" if counted else f"n{number}", scale))
    return found


def places(plan: Plan) -> list[str]:
    """Return the cells' columns of place codes, from the widest to the finest."""
    return [f"p{number}" for number in range(len(plan.places))]


def breakdowns(plan: Plan) -> list[str]:
    """Return the cells' columns of categories."""
    return [f"b{number}" for number in range(len(plan.breakdowns))]


def faults(plan: Plan) -> dict[str, str]:
    """Return column of the cells → what is wrong with the units that it counts."""
    found = {"bad_weight": "a weight that is missing, zero, negative or too large"} if plan.weight else {}
    for number, figure in enumerate(plan.figures):
        if figure.kind == "number":
            found[f"bad{number}"] = f"a value of {figure.name} that is not a number below {LARGEST:.0e}"
    return found


def first_phase(plan: Plan) -> exp.Select:
    """Return the cells of the finest places by all breakdowns, from the table ``units``."""
    keys = [
        _aliased(expression.tree, name)
        for name, expression in [
            *zip(places(plan), (e for _, e in plan.places), strict=True),
            *zip(breakdowns(plan), (e for _, e in plan.breakdowns), strict=True),
        ]
    ]
    chosen = [*keys, _aliased(exp.Count(this=exp.Star()), "units")]
    weight = exp.column(_WEIGHT, quoted=True) if plan.weight else None
    if weight is not None:
        chosen.append(_aliased(_count(exp.Is(this=weight.copy(), expression=exp.Null())), "bad_weight"))
    for number, total in enumerate(sums(plan)):
        chosen += _figure(number, total, weight)
    query = exp.select(*chosen).from_(_weighted(plan))
    return query.group_by(*(exp.Literal.number(n + 1) for n in range(len(keys)))) if keys else query


def _weighted(plan: Plan) -> exp.Expression:
    """Return the table of units; with a weight, in millionths, as a further column."""
    if plan.weight is None:
        return exp.to_table(UNITS)
    given = exp.cast(plan.weight.tree.copy(), "double")
    low, high = exp.Literal.number(0), exp.cast(exp.Literal.number(str(LARGEST)), "double")
    usable = exp.And(
        this=exp.GT(this=given, expression=low), expression=exp.LT(this=given.copy(), expression=high)
    )
    column = _aliased(_when(usable, _millionths(given.copy())), _WEIGHT)
    return exp.select(exp.Star(), column).from_(UNITS).subquery("weighted")


def _figure(number: int, total: Sum, weight: exp.Expression | None) -> list[exp.Expression]:
    figure = total.figure
    population = figure.population.tree.copy() if figure.population else None
    if figure.kind == "condition":
        counted = population
        if figure.expression is not None:
            condition = exp.Paren(this=figure.expression.tree.copy())
            counted = condition if population is None else _and(population, condition)
        if weight is None:
            return [_aliased(_count(counted), total.value)]
        value = exp.Sum(this=weight.copy() if counted is None else _when(counted, weight.copy()))
        return [
            _aliased(_bigint(value), total.value),
            _aliased(_count(counted.copy() if counted is not None else None), total.count),
        ]
    given = figure.expression.tree.copy()
    known = exp.Not(this=exp.Is(this=exp.Paren(this=given.copy()), expression=exp.Null()))
    counted = known if population is None else _and(population, known)
    if figure.kind == "number":
        as_double = exp.cast(exp.Paren(this=given), "double")
        bound = exp.cast(exp.Literal.number(str(LARGEST)), "double")
        usable = _and(
            exp.LT(this=as_double.copy(), expression=bound.copy()),
            exp.GT(this=as_double.copy(), expression=exp.Neg(this=bound.copy())),
        )
        bad = _and(counted.copy(), exp.Not(this=exp.Paren(this=usable.copy())))
        amount, usable = _millionths(as_double), _and(counted, usable)
        extra = [_aliased(_count(bad), f"bad{number}")]
    else:
        amount, usable, extra = exp.cast(exp.Paren(this=given), "bigint"), counted, []
    if weight is None:
        value = _bigint(exp.Sum(this=_when(usable.copy(), amount)))
    else:
        # Weights and values of 18 digits each: their products are of 36.
        product = exp.Mul(
            this=exp.cast(amount, "decimal(18, 0)"), expression=exp.cast(weight.copy(), "decimal(18, 0)")
        )
        value = exp.cast(exp.Sum(this=_when(usable.copy(), product)), "decimal(38, 0)")
    return [_aliased(value, total.value), _aliased(_count(usable), total.count), *extra]


def second_phase(plan: Plan) -> exp.Select:
    """Return the cells of every place level and combination of breakdowns, from the table ``cells``.

    Columns: ``place_level, place_code``, a category for each breakdown (``_T`` its total, ``_U`` missing),
    ``units`` and the columns of `sums`. Units without a code at a level are in no row of that level.
    """
    place, broken = places(plan), breakdowns(plan)
    columns = dict(zip((name for name, _ in plan.breakdowns), broken, strict=True))
    levels: list[str | None] = [*place, *([None] if plan.country is not None else [])]
    sets = [
        exp.Tuple(
            expressions=[_column(name) for name in ([level] if level else []) + [columns[b] for b in by]]
        )
        for level in levels
        for by in plan.by
    ]
    chosen = [
        _aliased(
            _case([(_grouped_by(c), exp.Literal.string(n)) for c, (n, _) in _pairs(plan)], COUNTRY),
            "place_level",
        ),
        _aliased(
            _case([(_grouped_by(c), exp.cast(_column(c), "text")) for c, _ in _pairs(plan)], plan.country),
            "place_code",
        ),
        *(
            _aliased(
                _case(
                    [
                        (
                            _grouped_by(column),
                            exp.Coalesce(
                                this=exp.cast(_column(column), "text"),
                                expressions=[exp.Literal.string(UNKNOWN)],
                            ),
                        )
                    ],
                    TOTAL,
                ),
                name,
            )
            for name, column in columns.items()
        ),
    ]
    added = dict.fromkeys(["units", *(c for total in sums(plan) for c in (total.value, total.count))])
    decimal = {total.value for total in sums(plan) if _is_decimal(plan, total)}
    for name in added:
        whole = exp.Sum(this=_column(name))
        total = exp.cast(whole, "decimal(38, 0)") if name in decimal else _bigint(whole)
        chosen.append(_aliased(exp.Coalesce(this=total, expressions=[exp.Literal.number(0)]), name))
    query = exp.select(*chosen).from_(CELLS)
    query.set("group", exp.Group(grouping_sets=[exp.GroupingSets(expressions=sets)]))
    # Outside, where both engines know the columns: inside, Spark knows those of the sets alone.
    whole = exp.select("*").from_(query.subquery("made"))
    placed = exp.Not(this=exp.Is(this=_column("place_code"), expression=exp.Null()))
    return whole.where(placed).order_by(*(exp.Literal.number(n + 1) for n in range(2 + len(broken))))


def _pairs(plan: Plan):
    return list(zip(places(plan), plan.places, strict=True))


def _is_decimal(plan: Plan, total: Sum) -> bool:
    return plan.weight is not None and total.figure.kind != "condition"


def summed(plan: Plan, columns: list[str]) -> exp.Select:
    """Return ``cells`` of several parts added up: one row for each combination of keys; ``columns``:
    theirs."""
    keys = [*places(plan), *breakdowns(plan)]
    chosen = [_column(name) for name in keys] + [
        _aliased(exp.Sum(this=_column(name)), name) for name in columns if name not in keys
    ]
    query = exp.select(*chosen).from_(CELLS)
    return query.group_by(*(exp.Literal.number(n + 1) for n in range(len(keys)))) if keys else query


def fault_counts(plan: Plan) -> exp.Select | None:
    """Return one row, the number of units with each of `faults`, from ``cells``; None when there can be
    none."""
    columns = list(faults(plan))
    if not columns:
        return None
    return exp.select(*(_aliased(exp.Sum(this=_column(name)), name) for name in columns)).from_(CELLS)


def strayed(plan: Plan, level: int) -> exp.Select:
    """Return places of ``level`` that lie in several places of the level above, or in one and in none: code
    and two codes above; from ``cells``.
    """
    code, above = _column(places(plan)[level]), exp.cast(_column(places(plan)[level - 1]), "text")
    parent = exp.Coalesce(this=above, expressions=[exp.Literal.string("")])
    low, high = exp.Min(this=parent), exp.Max(this=parent.copy())
    return (
        exp.select(_aliased(exp.cast(code, "text"), "code"), _aliased(low, "one"), _aliased(high, "other"))
        .from_(CELLS)
        .where(exp.Not(this=exp.Is(this=code.copy(), expression=exp.Null())))
        .group_by(exp.Literal.number(1))
        .having(
            exp.Or(
                this=exp.NEQ(this=low.copy(), expression=high.copy()),
                expression=exp.EQ(this=low.copy(), expression=exp.Literal.string("")),
            )
        )
        .order_by(exp.Literal.number(1))
        .limit(3)
    )


def category_units(plan: Plan, number: int) -> exp.Select:
    """Return the categories of breakdown ``number`` with their units, from ``cells``."""
    column = _column(breakdowns(plan)[number])
    return (
        exp.select(
            _aliased(exp.cast(column, "text"), "category"),
            _aliased(_bigint(exp.Sum(this=_column("units"))), "units"),
        )
        .from_(CELLS)
        .group_by(exp.Literal.number(1))
        .order_by(exp.Literal.number(1))
    )


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _aliased(tree: exp.Expression, name: str) -> exp.Expression:
    return exp.alias_(tree.copy(), name, quoted=True)


def _and(left: exp.Expression, right: exp.Expression) -> exp.Expression:
    return exp.And(this=exp.Paren(this=left), expression=right)


def _when(condition: exp.Expression, value: exp.Expression) -> exp.Expression:
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def _count(condition: exp.Expression | None) -> exp.Expression:
    # Faster than FILTER, and with a smaller state than a sum.
    if condition is None:
        return exp.Count(this=exp.Star())
    return exp.Count(this=_when(condition, exp.Literal.number(1)))


def _bigint(tree: exp.Expression) -> exp.Expression:
    return exp.cast(tree, "bigint")


def _millionths(tree: exp.Expression) -> exp.Expression:
    """Return the double ``tree`` in millionths, rounded: the same in every engine, as IEEE arithmetic is."""
    scaled = exp.Mul(this=tree, expression=exp.cast(exp.Literal.number("1e6"), "double"))
    half = exp.cast(exp.Literal.number("0.5"), "double")
    return _bigint(exp.Floor(this=exp.Add(this=scaled, expression=half)))


def _grouped_by(column: str) -> exp.Expression:
    return exp.EQ(
        this=exp.Anonymous(this="GROUPING", expressions=[_column(column)]), expression=exp.Literal.number(0)
    )


def _case(branches: list[tuple[exp.Expression, exp.Expression]], default: str | None) -> exp.Expression:
    otherwise = exp.Null() if default is None else exp.Literal.string(default)
    if not branches:
        return exp.cast(otherwise, "text")
    return exp.Case(ifs=[exp.If(this=c, true=v) for c, v in branches], default=otherwise)
