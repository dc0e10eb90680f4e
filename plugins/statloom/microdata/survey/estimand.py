"""What is to be estimated: a named total, mean, ratio, quantile or inequality measure of expressions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from statloom.microdata.survey.design import read_yaml
from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.expression import Expression, parse

LINEAR = ("total", "mean", "proportion", "ratio")
ORDERED = ("quantile", "gini", "poverty_threshold", "poverty_rate", "quintile_share_ratio")
TYPES = LINEAR + ORDERED
INTERVALS = {
    "proportion": ("wald", "logit", "xlogit", "asin", "beta", "likelihood"),
    "quantile": ("mean", "xlogit", "asin", "beta"),
}


@dataclass(frozen=True)
class Estimand:
    """One quantity to be estimated in every domain.

    ``name``: how its rows are called. ``type``: ``total``, ``mean``, ``proportion`` (of cases for which the
    condition holds, 0 to 1), ``ratio``, ``quantile``, ``gini``, ``poverty_threshold``, ``poverty_rate``,
    ``quintile_share_ratio`` (S80/S20). ``expression``: over the columns
    (`statloom.microdata.survey.expression` has the grammar); for ``ratio`` instead ``numerator`` and
    ``denominator``. ``where``: a condition; cases for which it does not hold, or is unknown, are outside the
    estimand's population. A case whose expression is NULL is left out of that estimand alone.
    ``probability``: of the quantile (0.5: median). ``interval``: for a proportion ``wald`` (default),
    ``logit``, ``xlogit``, ``asin``, ``beta`` (Korn and Graubard) or ``likelihood``; for a quantile ``mean``
    (default), ``xlogit``, ``asin`` or ``beta``, applied to the share below it (Woodruff). ``rule``: of the
    sample quantile, ``math`` (inverse of the distribution function, default), ``school`` (mean of the two
    middle values) or ``hf1`` … ``hf9`` (Hyndman and Fan). ``threshold_probability`` and ``threshold_share``:
    the poverty line is that share (0.6) of that quantile (0.5); an absolute line is a proportion: ``income <
    2300``.
    """

    name: str
    type: str
    expression: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    where: str | None = None
    probability: float = 0.5
    interval: str | None = None
    rule: str = "math"
    threshold_probability: float = 0.5
    threshold_share: float = 0.6

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise SurveyError(f"estimand {self.name!r}, field name: a text is needed")
        where = f"estimand {self.name!r}"
        if self.type not in TYPES:
            raise SurveyError(f"{where}, field type: {self.type!r} is none of {', '.join(TYPES)}")
        needed, spare = ("expression",), ("numerator", "denominator")
        if self.type == "ratio":
            needed, spare = spare, needed
        for name in needed:
            if getattr(self, name) is None:
                raise SurveyError(f"{where}, field {name}: needed for type {self.type}")
        for name in spare:
            if getattr(self, name) is not None:
                raise SurveyError(f"{where}, field {name}: not for type {self.type}")
        for name in ("probability", "threshold_probability"):
            if not 0 < getattr(self, name) < 1:
                raise SurveyError(f"{where}, field {name}: {getattr(self, name)} is not between 0 and 1")
        if not self.threshold_share > 0:
            raise SurveyError(f"{where}, field threshold_share: {self.threshold_share} is not above 0")
        if self.interval is not None and self.interval not in INTERVALS.get(self.type, ("wald",)):
            allowed = ", ".join(INTERVALS.get(self.type, ("wald",)))
            raise SurveyError(f"{where}, field interval: {self.interval!r} is none of {allowed}")
        if self.rule not in ("math", "school", *(f"hf{number}" for number in range(1, 10))):
            raise SurveyError(f"{where}, field rule: {self.rule!r} is none of math, school, hf1 … hf9")

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], where: str = "estimands") -> "Estimand":
        """Return the estimand that a YAML mapping declares; keys are the attributes' names."""
        if isinstance(mapping, Estimand):
            return mapping
        if not isinstance(mapping, Mapping):
            raise SurveyError(f"{where}: a mapping of fields is needed, not {type(mapping).__name__}")
        known = {item.name for item in fields(cls)}
        if unknown := [key for key in mapping if key not in known]:
            name = mapping.get("name")
            raise SurveyError(
                f"{where}, estimand {name!r}: unknown field {unknown[0]!r}; "
                f"known are {', '.join(sorted(known))}"
            )
        for name in ("name", "type"):
            if name not in mapping:
                raise SurveyError(f"{where}, estimand {mapping.get('name')!r}, field {name}: missing")
        try:
            return cls(**mapping)
        except (TypeError, ValueError) as error:
            raise SurveyError(f"{where}, estimand {mapping['name']!r}: {error}") from None


@dataclass(frozen=True)
class Measure:
    """What an estimand reads from the data: one expression, or two that both must be known, and a
    condition.
    """

    values: tuple[Expression, ...]
    where: Expression | None

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the data that it reads."""
        return frozenset().union(*(part.columns for part in (*self.values, self.where) if part))

    @property
    def sql(self) -> tuple[str, ...]:
        """DuckDB expressions of type DOUBLE, NULL where the case does not count."""
        doubles = [f"CAST({value.sql} AS DOUBLE)" for value in self.values]
        if self.where is None:
            return tuple(doubles)
        return tuple(f"CASE WHEN {self.where.sql} THEN {double} END" for double in doubles)


@dataclass(frozen=True)
class Target:
    """An estimand with what it reads. ``condition``: its expression is known to be true, false or unknown."""

    estimand: Estimand
    measure: Measure
    condition: bool

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"estimand {self.estimand.name!r}"

    @property
    def is_share(self) -> bool:
        """Whether its values may be 0 and 1 only."""
        return self.estimand.type == "proportion"


def measure_of(estimand: Estimand, columns: Iterable[str]) -> Measure:
    """Parse the estimand's expressions against the data's columns. Raises SurveyError naming the field."""
    columns = list(columns)
    names = ("numerator", "denominator") if estimand.type == "ratio" else ("expression",)

    def parsed(name: str) -> Expression:
        return parse(getattr(estimand, name), columns, f"estimand {estimand.name!r}, field {name}")

    return Measure(tuple(parsed(name) for name in names), None if estimand.where is None else parsed("where"))


def load_estimands(source: str | Path | Sequence[Mapping[str, Any] | Estimand]) -> list[Estimand]:
    """Return the estimands of a YAML file (a list, or ``{estimands: […]}``) or of a list of mappings.

    Raises SurveyError for none at all, unknown fields and a name that stands twice.
    """
    where = "estimands"
    if isinstance(source, str | Path):
        where = Path(source).name
        source = read_yaml(source)
    if isinstance(source, Mapping):
        source = source.get("estimands")
    if not isinstance(source, Sequence) or isinstance(source, str) or not source:
        raise SurveyError(f"{where}: a list of estimands is needed")
    estimands = [Estimand.from_dict(item, f"{where}, item {place}") for place, item in enumerate(source, 1)]
    seen: set[str] = set()
    for estimand in estimands:
        if estimand.name in seen:
            raise SurveyError(f"{where}: two estimands are called {estimand.name!r}")
        seen.add(estimand.name)
    return estimands
