"""The block ``tabulation`` of a contract: what is counted over whom, by which places and breakdowns;
checked."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from statloom.contracts import records
from statloom.contracts.expressions import Expression, ExpressionError, Scope, parse
from statloom.contracts.model import UNIT, Contract, Measure, Tabulation
from statloom.contracts.source_text import Path_
from statloom.contracts.suggestion import suggestion

Problem = tuple[Path_, str]

COUNTRY = "country"
MOST_SETS = 1000
RESERVED = (
    "place_level",
    "place_code",
    "measure",
    "estimand",
    "units",
    "value",
    "respondents",
    "standard_error",
    "cv",
    "ci_low",
    "ci_high",
)


@dataclass(frozen=True)
class Figure:
    """One measure, checked. ``population`` and ``expression``: None counts everyone."""

    name: str
    population: Expression | None
    expression: Expression | None

    @property
    def kind(self) -> str:
        """Condition (units are counted), integer or number (values are added up)."""
        return "condition" if self.expression is None else self.expression.kind


@dataclass(frozen=True)
class Plan:
    """The tabulation of one record, checked.

    ``places``: (level, code), from the widest to the finest; ``country``: code of the nation, None for no row
    of it; ``breakdowns``: (name, category); ``categories``: breakdown → its categories, where they are
    declared; ``by``: the combinations of breakdowns that are wanted; ``weight``: None counts each unit once.
    """

    record: str
    places: tuple[tuple[str, Expression], ...]
    country: str | None
    breakdowns: tuple[tuple[str, Expression], ...]
    categories: Mapping[str, tuple[str, ...]]
    by: tuple[tuple[str, ...], ...]
    figures: tuple[Figure, ...]
    weight: Expression | None = None
    scope: Scope = field(default_factory=lambda: Scope({}))

    @property
    def types(self) -> dict[str, str]:
        """The columns that the plan reads, with their contract types."""
        return {name: self.scope.columns[name] for name in self.columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the plan reads, sorted."""
        parsed = [expression for _, expression in (*self.places, *self.breakdowns)]
        parsed += [e for figure in self.figures for e in (figure.population, figure.expression) if e]
        parsed += [self.weight] if self.weight else []
        return tuple(sorted({name for expression in parsed for name in expression.columns}))


def plans(contract: Contract) -> tuple[Plan, ...]:
    """Return one plan for each record that the contract's measures are about; it has been checked when it was
    read."""

    def scope(record: str) -> Scope:
        seen = contract.visible(record)
        personal = frozenset(name for name, column in seen.items() if column.pseudonymise)
        return Scope({name: column.vault_type for name, column in seen.items()}, personal=personal)

    places = {
        record: {
            column.level: f'"{name}"'
            for name, column in contract.visible(record).items()
            if column.role == "place_code"
        }
        for record in contract.records
    }
    made, found = compiled(
        contract.tabulation, tuple(contract.records), scope, places, country=contract.place.code
    )
    if found:
        raise ExpressionError("; ".join(f"{path}: {reason}" for path, reason in found))
    return made


def problems(data: dict) -> Iterator[Problem]:
    """Yield what is wrong with the tabulation of ``data``, which satisfies the schema."""
    from statloom.contracts.loading import tabulation_of

    tabulation = tabulation_of(data["tabulation"])
    declared = tuple(data.get("records", {})) or (UNIT,)
    dropped = frozenset(
        name
        for name, column in data["columns"].items()
        if column["role"] in ("personal_identifier", "ignored") and not column.get("pseudonymise")
    )

    def columns(record: str) -> dict:
        return records.visible(data, record if "records" in data else None)

    def scope(record: str) -> Scope:
        types = {
            name: "text" if column.get("pseudonymise") else column.get("type", "text")
            for name, column in columns(record).items()
        }
        personal = frozenset(name for name, column in columns(record).items() if column.get("pseudonymise"))
        return Scope(types, dropped, frozenset(data["columns"]) - dropped - set(types), personal)

    places = {
        record: {
            column.get("level"): f'"{name}"'
            for name, column in columns(record).items()
            if column["role"] == "place_code"
        }
        for record in declared
    }
    _, found = compiled(tabulation, declared, scope, places, country=data["place"].get("code"))
    yield from found
    for i, estimand in enumerate(data.get("estimation", {}).get("estimands", [])):
        if estimand["measure"] in {measure.name for measure in tabulation.measures}:
            yield (
                ("estimation", "estimands", i, "measure"),
                f"{estimand['measure']!r} is a measure of the tabulation",
            )


def compiled(
    tabulation: Tabulation,
    declared: tuple[str, ...],
    scope: Callable[[str], Scope],
    places: Mapping[str, Mapping[str, str]],
    *,
    country: str | None,
) -> tuple[tuple[Plan, ...], list[Problem]]:
    """Return the plans of ``tabulation`` and every problem; with problems, the plans are not whole.

    ``declared``: the records; ``scope``: what expressions over a record may name; ``places``: record → level
    → expression, for a tabulation that does not say its places.
    """
    found: list[Problem] = []
    default = tabulation.record or declared[0]
    if default not in declared:
        return (), [(("tabulation", "record"), f"no record {default!r}{suggestion(default, declared)}")]
    found += _names(tabulation)
    for part, measure in ((m.part, m) for m in tabulation.measures):
        path = ("tabulation", part, measure.name)
        if measure.record is not None and measure.record not in declared:
            found.append(
                ((*path, "record"), f"no record {measure.record!r}{suggestion(measure.record, declared)}")
            )
        if measure.population is not None and measure.population not in tabulation.populations:
            known = tabulation.populations
            reason = f"no population {measure.population!r}{suggestion(measure.population, known)}"
            found.append(((*path, "population"), reason))
    if found:
        return (), found
    used = list(dict.fromkeys(measure.record or default for measure in tabulation.measures))
    compiler = _Compiler(tabulation, {record: scope(record) for record in {*used, default}}, default, found)
    made = tuple(compiler.plan(record, used, places.get(record, {}), country) for record in used)
    compiler.unused()
    return made, found


def _names(tabulation: Tabulation) -> Iterator[Problem]:
    taken = dict.fromkeys(RESERVED, "a column of the cells")
    named = [(("tabulation", "breakdowns", name), name) for name in tabulation.breakdowns]
    for measure in tabulation.measures:
        path = ("tabulation", measure.part, measure.name)
        named += [(path, measure.name), (path, f"n_{measure.name}")]
    for path, name in named:
        if name in taken:
            yield path, f"the name {name!r} is taken ({taken[name]})"
        taken[name] = ".".join(path[1:])
    for i, wanted in enumerate(tabulation.by or ()):
        for j, name in enumerate(wanted):
            if name not in tabulation.breakdowns:
                yield (
                    ("tabulation", "by", i, j),
                    f"no breakdown {name!r}{suggestion(name, tabulation.breakdowns)}",
                )
            elif name in wanted[:j]:
                yield ("tabulation", "by", i, j), f"{name!r} is given twice"
    if COUNTRY in tabulation.places:
        yield ("tabulation", "places", COUNTRY), "the nation is not listed: its code is 'code' of 'place'"


class _Compiler:
    """Parses the expressions of a tabulation; problems go to ``found``, each once."""

    def __init__(
        self, tabulation: Tabulation, scopes: Mapping[str, Scope], default: str, found: list[Problem]
    ) -> None:
        self.tabulation, self.scopes, self.default, self.found = tabulation, scopes, default, found
        self._populations: set[str] = set()

    def plan(self, record: str, used: list[str], places: Mapping[str, str], country: str | None) -> Plan:
        tabulation = self.tabulation
        levels = tabulation.places or {level: text for level, text in places.items() if level}
        breakdowns = self._breakdowns(record, used)
        chosen = tuple(name for name, _ in breakdowns)
        wanted = tabulation.by
        if wanted is None:
            wanted = tuple(
                itertools.chain.from_iterable(
                    itertools.combinations(chosen, size) for size in range(len(chosen) + 1)
                )
            )
        by = tuple(combination for combination in wanted if set(combination) <= set(chosen))
        crossed = {name for combination in by for name in combination}
        breakdowns = tuple((name, expression) for name, expression in breakdowns if name in crossed)
        if (len(levels) + 1) * len(by) > MOST_SETS:
            self._report(
                ("tabulation", "by"), f"more than {MOST_SETS:,} combinations of places and breakdowns"
            )
        if not levels and country is None:
            self._report(
                ("tabulation",),
                "no places: neither 'places', nor a column of role place_code, nor place.code",
            )
        made = Plan(
            record=record,
            places=tuple(
                (level, expression)
                for level, text in levels.items()
                if (expression := self._parse(text, record, ("tabulation", "places", level), _CODE))
                is not None
            ),
            country=country,
            breakdowns=breakdowns,
            categories={
                name: breakdown.categories
                for name, breakdown in tabulation.breakdowns.items()
                if breakdown.categories and name in crossed
            },
            by=by,
            figures=tuple(
                self._figure(measure, record)
                for measure in tabulation.measures
                if (measure.record or self.default) == record
            ),
            weight=self._parse(tabulation.weight, record, ("tabulation", "weight"), _AMOUNT),
            scope=self.scopes[record],
        )
        return made

    def unused(self) -> None:
        """Check the populations that no measure is about."""
        for name, text in self.tabulation.populations.items():
            if name not in self._populations:
                self._parse(text, self.default, ("tabulation", "populations", name), _CONDITION)

    def _figure(self, measure: Measure, record: str) -> Figure:
        population = None
        if measure.population is not None:
            self._populations.add(measure.population)
            population = self._parse(
                self.tabulation.populations[measure.population],
                record,
                ("tabulation", "populations", measure.population),
                _CONDITION,
            )
        path = ("tabulation", measure.part, measure.name, "expression")
        return Figure(measure.name, population, self._parse(measure.expression, record, path, _COUNTED))

    def _breakdowns(self, record: str, used: list[str]) -> tuple[tuple[str, Expression], ...]:
        """Return the breakdowns that the record's columns give; one that no record gives is a problem."""
        made = []
        for name, breakdown in self.tabulation.breakdowns.items():
            path = ("tabulation", "breakdowns", name, "expression")
            if any(self._parses(breakdown.expression, other) for other in used if other != record) and (
                not self._parses(breakdown.expression, record)
            ):
                continue
            expression = self._parse(breakdown.expression, record, path, _CODE)
            if expression is not None:
                made.append((name, expression))
        return tuple(made)

    def _parses(self, text: str, record: str) -> bool:
        try:
            parse(text, self.scopes[record])
        except ExpressionError:
            return False
        return True

    def _parse(
        self, text: str | None, record: str, path: Path_, kinds: Mapping[str, str]
    ) -> Expression | None:
        if text is None:
            return None
        try:
            expression = parse(text, self.scopes[record])
        except ExpressionError as error:
            self._report(path, str(error))
            return None
        if expression.kind not in kinds:
            self._report(path, f"{next(iter(kinds.values()))} is needed, not a {expression.kind}")
            return None
        personal = expression.columns & self.scopes[record].personal
        if kinds is _CODE and personal:
            self._report(path, f"column {min(personal)!r} is a personal identifier: it makes no category")
            return None
        return expression

    def _report(self, path: Path_, reason: str) -> None:
        if (path, reason) not in self.found:
            self.found.append((path, reason))


_CONDITION = {"condition": "a condition"}
_AMOUNT = dict.fromkeys(("number", "integer"), "a number")
_COUNTED = dict.fromkeys(
    ("condition", "integer", "number"), "a condition (units are counted) or a number (added up)"
)
_CODE = dict.fromkeys(
    ("text", "integer", "condition"), "a text, a whole number or a condition (the category)"
)
