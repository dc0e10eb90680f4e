"""The one call: estimates of all estimands in all domains."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from statloom.microdata.survey import domains as domain_module
from statloom.microdata.survey.collapse import collapse
from statloom.microdata.survey.design import Design
from statloom.microdata.survey.domains import Domains, Partition
from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.estimand import LINEAR, Estimand, Measure, Target, load_estimands, measure_of
from statloom.microdata.survey.interval import interval
from statloom.microdata.survey.linear import Estimates, estimate_linear
from statloom.microdata.survey.order import estimate_order
from statloom.microdata.survey.source import Source
from statloom.microdata.survey.structure import build as build_structure
from statloom.microdata.survey.uncertainty import Uncertainty
from statloom.microdata.survey.weighting import calibration_columns, weigh

FIGURES = ("estimand", "estimate", "se", "cv", "ci_low", "ci_high", "deff", "n", "n_psu", "df")
DEGREES_OF_FREEDOM = ("design", "domain", "infinite")
DESIGN_EFFECTS = ("without_replacement", "with_replacement")
# Sums held at once: base cells × measures.
_SUMS_AT_ONCE = 12_000_000


def estimate(
    data: pd.DataFrame | pa.Table | str | Path,
    design: Design | Mapping[str, Any],
    estimands: Sequence[Estimand | Mapping[str, Any]],
    by: Sequence[Sequence[str]] = ((),),
    *,
    level: float = 0.95,
    degrees_of_freedom: str = "design",
    design_effect: str = "without_replacement",
) -> pd.DataFrame:
    """Estimate every estimand in every domain, with its uncertainty, always on the whole design.

    ``data``: one row a case: a pandas DataFrame, a pyarrow Table, or the path of a Parquet file (or a folder
    of them). ``design``, ``estimands``: see `Design` and `Estimand`, or the mappings that YAML gives for
    them. ``by``: lists of domain columns; ``[[], ["province"], ["province", "sex"]]`` gives the whole, each
    province, each province by sex; a single list may stand alone (``["province", "sex"]``).
    A row with a missing domain column belongs to no domain of that list.
    ``level``: of the intervals. ``degrees_of_freedom``: ``design`` (PSUs less strata of the whole design, for
    all domains; R: ``confint(svyby(…), df = degf(design))``), ``domain`` (only PSUs and strata with a case of
    the domain; R: ``degf(subset(design, …))``), or ``infinite`` (normal quantiles; R's default of
    ``confint``). ``design_effect``: against simple random sampling ``without_replacement`` (R: ``deff=TRUE``)
    or ``with_replacement`` (R: ``deff="replace"``).

    Returns one row for each domain and estimand, in the order of ``by``, sorted domains, estimands; columns
    ``estimand, estimate, se, cv`` (se / |estimate|), ``ci_low, ci_high, deff, n`` (cases, unweighted),
    ``n_psu`` (PSUs with such a case), ``df``, then the domain columns (missing where they do not define the
    row's domain). A domain without a case: estimate NaN (a total: 0).

    Raises SurveyError, and returns nothing, for anything wrong with data, design or estimands.
    """
    if isinstance(design, Mapping):
        design = Design.from_dict(design)
    chosen = load_estimands(estimands)
    by = _checked_by(by)
    if not 0 < level < 1:
        raise SurveyError(f"level: {level} is not between 0 and 1")
    for name, value, known in (
        ("degrees_of_freedom", degrees_of_freedom, DEGREES_OF_FREEDOM),
        ("design_effect", design_effect, DESIGN_EFFECTS),
    ):
        if value not in known:
            raise SurveyError(f"{name}: {value!r} is none of {', '.join(known)}")
    source = Source(data)
    try:
        source.need(design.columns, "design")
        domain_columns = tuple(dict.fromkeys(name for columns in by for name in columns))
        source.need(domain_columns, "by")
        for name in domain_columns:
            if name in FIGURES:
                raise SurveyError(
                    f"by: a domain column cannot be called {name!r}, results have a column of that name"
                )
        targets = _targets(source, chosen, design, domain_columns)
        table = source.table(_frame_columns(design, domain_columns))
        structure = build_structure(design, table)
        domains = domain_module.build(structure, table, by)
        uncertainty = weigh(design, source, table, structure, domains, degrees_of_freedom == "domain")
        del table
        results = _Results(chosen, domains, uncertainty.df, level, degrees_of_freedom)
        replaced = design_effect == "with_replacement"
        _linear(source, uncertainty, targets, replaced, results)
        _order(source, uncertainty, targets, replaced, results)
        return results.frame(domain_columns)
    finally:
        source.close()


def _targets(
    source: Source, estimands: Sequence[Estimand], design: Design, domain_columns: Sequence[str]
) -> list[Target]:
    """Parse all expressions, make their columns readable, and check their types."""
    measures = [measure_of(estimand, source.columns) for estimand in estimands]
    used = set(_frame_columns(design, domain_columns)) | calibration_columns(design, source.columns)
    for measure in measures:
        used |= measure.columns
    source.open([name for name in source.columns if name in used])
    conditions = _types(source, estimands, measures)
    return [Target(*parts) for parts in zip(estimands, measures, conditions, strict=True)]


def _frame_columns(design: Design, domain_columns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*design.columns, *domain_columns]))


def _linear(
    source: Source, uncertainty: Uncertainty, targets: Sequence[Target], replaced: bool, results: "_Results"
) -> None:
    places = [place for place, target in enumerate(targets) if target.estimand.type in LINEAR]
    domains = uncertainty.domains
    size = len(domains.leaf) + 2 * domains.combinations * uncertainty.extra_size
    step = max(1, _SUMS_AT_ONCE // size)
    for first in range(0, len(places), step):
        group = places[first : first + step]
        chosen = [targets[place] for place in group]
        sums = _named(source, chosen, lambda chosen=chosen: collapse(source, uncertainty, chosen))
        types = [target.estimand.type for target in chosen]
        for number, partition in domains.inhabited():
            results.put(number, group, estimate_linear(uncertainty, partition, sums, types, replaced))


def _order(
    source: Source, uncertainty: Uncertainty, targets: Sequence[Target], replaced: bool, results: "_Results"
) -> None:
    for place, target in enumerate(targets):
        if target.estimand.type in LINEAR:
            continue
        values = _named(source, [target], lambda target=target: source.values(target.measure.sql[0]))
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            raise SurveyError(f"{target.name}: infinite in row {infinite[0] + 1}")
        for number, partition in uncertainty.domains.inhabited():
            made = estimate_order(
                uncertainty, partition, target.estimand, values, results.df, results.level, replaced
            )
            results.put(number, [place], made)


def _named(source: Source, targets: Sequence[Target], read: Callable[[], Any]) -> Any:
    """Return what ``read`` returns; when an expression cannot be computed, name its estimand."""
    try:
        return read()
    except SurveyError as error:
        if not str(error).startswith("estimand"):
            for target in targets:
                for sql in target.measure.sql:
                    source.check(sql, target.name)
        raise


class _Results:
    """The figures of all estimands and domains as they come in."""

    def __init__(
        self, estimands: Sequence[Estimand], domains: Domains, design_df: float, level: float, df_rule: str
    ) -> None:
        self.estimands, self.domains, self.level, self.df_rule = estimands, domains, level, df_rule
        self.design_df = design_df
        self.figures = [
            {name: np.full((partition.domains, len(estimands)), np.nan) for name in FIGURES[1:]}
            for partition in domains.partitions
        ]

    def df(self, domain_df: np.ndarray) -> np.ndarray:
        """Return the degrees of freedom to use, from the domains' own."""
        if self.df_rule == "domain":
            return domain_df
        return np.full_like(domain_df, self.design_df if self.df_rule == "design" else np.inf)

    def put(self, partition: int, places: Sequence[int], made: Estimates) -> None:
        """Take in the estimates of the estimands at ``places``."""
        se, df = np.sqrt(made.variance), self.df(made.domain_df)
        low, high = np.empty_like(se), np.empty_like(se)
        methods = [self.estimands[place].interval or "wald" for place in places]
        if made.low is not None:
            low, high = made.low, made.high
            methods = []
        for method in dict.fromkeys(methods):
            at = np.array([name == method for name in methods])
            low[:, at], high[:, at] = interval(
                method, made.estimate[:, at], se[:, at], df[:, at], self.level, made.n[:, at]
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            cv = se / np.abs(made.estimate)
        columns = {
            "estimate": made.estimate,
            "se": se,
            "cv": cv,
            "ci_low": low,
            "ci_high": high,
            "deff": made.deff,
            "n": made.n,
            "n_psu": made.n_psu,
            "df": df,
        }
        for name, values in columns.items():
            self.figures[partition][name][:, places] = values

    def frame(self, domain_columns: Sequence[str]) -> pd.DataFrame:
        """Return all figures, one row for each domain and estimand."""
        partitions = self.domains.partitions
        names = pd.array([estimand.name for estimand in self.estimands], dtype="str")
        domains = sum(partition.domains for partition in partitions)
        columns: dict[str, Any] = {"estimand": names.take(np.tile(np.arange(len(names)), domains))}
        for name in FIGURES[1:]:
            columns[name] = np.concatenate([figures[name].ravel() for figures in self.figures])
        for name in ("n", "n_psu"):
            columns[name] = columns[name].astype(np.int64)
        for name in domain_columns:
            parts = [_labels(partition, name, len(names)) for partition in partitions]
            columns[name] = pa.chunked_array(_one_type(parts)).to_pandas(types_mapper=_nullable)
        return pd.DataFrame(columns)


def _labels(partition: Partition, name: str, repeats: int) -> pa.Array:
    rows = partition.domains * repeats
    if name not in partition.columns:
        return pa.nulls(rows)
    values = partition.values[partition.columns.index(name)]
    return values.take(pa.array(np.repeat(np.arange(partition.domains), repeats)))


def _one_type(parts: Sequence[pa.Array]) -> list[pa.Array]:
    kind = next((part.type for part in parts if not pa.types.is_null(part.type)), pa.null())
    return [part.cast(kind) for part in parts]


def _nullable(kind: pa.DataType) -> Any:
    if pa.types.is_integer(kind):
        return pd.Int64Dtype()
    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pd.StringDtype(na_value=np.nan)
    return None


def _checked_by(by: Any) -> list[tuple[str, ...]]:
    if isinstance(by, str):
        by = [[by]]
    if not isinstance(by, Sequence) or not by:
        raise SurveyError("by: a list of lists of domain columns is needed; [[]] is the whole")
    if all(isinstance(name, str) for name in by):
        by = [by]
    checked = []
    for columns in by:
        if isinstance(columns, str) or not isinstance(columns, Sequence):
            raise SurveyError(f"by: {columns!r} is not a list of domain columns; [[]] is the whole")
        if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
            raise SurveyError(f"by: {list(columns)!r} is not a list of different column names")
        checked.append(tuple(columns))
    return checked


def _types(source: Source, estimands: Sequence[Estimand], measures: Sequence[Measure]) -> list[bool]:
    """Return which estimands' expressions are conditions.

    Raises SurveyError, naming estimand and field, for an expression that gives neither numbers nor a
    condition.
    """
    asked: list[tuple[str, str, bool]] = []
    for estimand, measure in zip(estimands, measures, strict=True):
        fields = ("numerator", "denominator") if estimand.type == "ratio" else ("expression",)
        where = f"estimand {estimand.name!r}, field"
        asked += [
            (f"{where} {name}", part.sql, False) for name, part in zip(fields, measure.values, strict=True)
        ]
        if measure.where:
            asked.append((f"{where} where", measure.where.sql, True))
    expressions = list(dict.fromkeys(sql for _, sql, _ in asked))
    try:
        kinds = dict(zip(expressions, source.types(expressions), strict=True))
    except SurveyError:
        for where, sql, _ in asked:
            source.check(sql, where)
        raise
    for where, sql, condition in asked:
        if condition and kinds[sql] != "condition":
            raise SurveyError(f"{where}: a condition is needed, this gives {kinds[sql]}")
        if kinds[sql] not in ("number", "condition"):
            raise SurveyError(f"{where}: a number or a condition is needed, this gives {kinds[sql]}")
    return [kinds[measure.values[0].sql] == "condition" for measure in measures]
