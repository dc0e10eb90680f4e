"""The one call: estimates of all estimands in all domains."""

from collections.abc import Mapping, Sequence
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
from statloom.microdata.survey.estimand import LINEAR, Estimand, Measure, load_estimands, measure_of
from statloom.microdata.survey.interval import interval
from statloom.microdata.survey.linear import Estimates, estimate_linear
from statloom.microdata.survey.source import Source
from statloom.microdata.survey.structure import Structure
from statloom.microdata.survey.structure import build as build_structure

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

    ``data``: one row a case: a pandas DataFrame, a pyarrow Table, or the path of a Parquet file. ``design``,
    ``estimands``: see `Design` and `Estimand`, or the mappings that YAML gives for them. ``by``: lists of
    domain columns; ``[[], ["province"], ["province", "sex"]]`` gives the whole, each province, each province
    by sex. A row with a missing domain column belongs to no domain of that list. ``level``: of the intervals.
    ``degrees_of_freedom``: ``design`` (PSUs less strata of the whole design, for all domains; R:
    ``confint(svyby(…), df = degf(design))``), ``domain`` (only PSUs and strata with a case of the domain; R:
    ``degf(subset(design, …))``), or ``infinite`` (normal quantiles; R's default of ``confint``).
    ``design_effect``: against simple random sampling ``without_replacement`` (R: ``deff=TRUE``) or
    ``with_replacement`` (R: ``deff="replace"``).

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
    if design.replicates or design.calibration or any(estimand.type not in LINEAR for estimand in chosen):
        raise SurveyError("replicates, calibration and estimands of order are not there yet")
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
        measures = [measure_of(estimand, source.columns) for estimand in chosen]
        used = set().union(*(expression.columns for measure in measures for expression in _parts(measure)))
        frame_columns = list(dict.fromkeys([*design.columns, *domain_columns]))
        source.open([name for name in source.columns if name in used or name in frame_columns])
        _refuse_wrong_types(source, chosen, measures)
        table = source.table(frame_columns)
        structure = build_structure(design, table)
        domains = domain_module.build(structure, table, by)
        del table
        results = _Results(chosen, domains, structure, level, degrees_of_freedom)
        _linear(source, structure, domains, chosen, measures, design_effect == "with_replacement", results)
        return results.frame(domain_columns)
    finally:
        source.close()


def _linear(
    source: Source,
    structure: Structure,
    domains: Domains,
    estimands: Sequence[Estimand],
    measures: Sequence[Measure],
    with_replacement: bool,
    results: "_Results",
) -> None:
    places = [place for place, estimand in enumerate(estimands) if estimand.type in LINEAR]
    step = max(1, _SUMS_AT_ONCE // max(1, len(domains.leaf)))
    for first in range(0, len(places), step):
        group = places[first : first + step]
        types = [estimands[place].type for place in group]
        sums = collapse_named(
            source, structure, domains, [(estimands[place], measures[place]) for place in group]
        )
        for number, partition in enumerate(domains.partitions):
            results.put(number, group, estimate_linear(structure, partition, sums, types, with_replacement))


def collapse_named(
    source: Source, structure: Structure, domains: Domains, pairs: Sequence[tuple[Estimand, Measure]]
) -> list:
    """Collapse the measures of the estimands; when an expression cannot be computed, name its estimand."""
    names = [f"estimand {estimand.name!r}" for estimand, _ in pairs]
    conditions = [estimand.type == "proportion" for estimand, _ in pairs]
    measures = [measure for _, measure in pairs]
    try:
        return collapse(source, domains, structure.weight, measures, names, conditions)
    except SurveyError as error:
        if not str(error).startswith("estimand"):
            for name, measure in zip(names, measures, strict=True):
                for sql in measure.sql:
                    source.check(sql, name)
        raise


class _Results:
    """The figures of all estimands and domains as they come in."""

    def __init__(
        self, estimands: Sequence[Estimand], domains: Domains, structure: Structure, level: float, df: str
    ) -> None:
        self.estimands, self.domains, self.level, self.df_rule = estimands, domains, level, df
        self.design_df = float(structure.degrees_of_freedom)
        self.figures = [
            {name: np.full((partition.domains, len(estimands)), np.nan) for name in FIGURES[1:]}
            for partition in domains.partitions
        ]

    def df(self, domain_df: np.ndarray) -> np.ndarray:
        if self.df_rule == "domain":
            return domain_df
        return np.full_like(domain_df, self.design_df if self.df_rule == "design" else np.inf)

    def put(self, partition: int, places: Sequence[int], made: Estimates) -> None:
        """Take in the estimates of the estimands at ``places``."""
        se, df = np.sqrt(made.variance), self.df(made.domain_df)
        low, high = np.empty_like(se), np.empty_like(se)
        methods = [self.estimands[place].interval or "wald" for place in places]
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
    kind = next(part.type for part in parts if not pa.types.is_null(part.type))
    return [part.cast(kind) for part in parts]


def _nullable(kind: pa.DataType) -> Any:
    if pa.types.is_integer(kind):
        return pd.Int64Dtype()
    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pd.StringDtype(na_value=np.nan)
    return None


def _parts(measure: Measure) -> list:
    return [*measure.values, *([measure.where] if measure.where else [])]


def _checked_by(by: Any) -> list[tuple[str, ...]]:
    if isinstance(by, str) or not isinstance(by, Sequence) or not by:
        raise SurveyError("by: a list of lists of domain columns is needed; [[]] is the whole")
    checked = []
    for columns in by:
        if isinstance(columns, str) or not isinstance(columns, Sequence):
            raise SurveyError(f"by: {columns!r} is not a list of domain columns; [[]] is the whole")
        if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
            raise SurveyError(f"by: {list(columns)!r} is not a list of different column names")
        checked.append(tuple(columns))
    return checked


def _refuse_wrong_types(source: Source, estimands: Sequence[Estimand], measures: Sequence[Measure]) -> None:
    """Raise SurveyError for expressions that give neither numbers nor conditions, naming estimand and
    field.
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
