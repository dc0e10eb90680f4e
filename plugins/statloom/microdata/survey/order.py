"""Quantiles, and measures of poverty and inequality, of all domains.

Quantile of probability p, rule ``math``: the least y with F(y) >= p, F the weighted distribution function;
other rules as Hyndman and Fan (1996) with weights. Interval (Woodruff 1952; R's ``svyquantile``): the share
of cases at or below the estimate is a mean; the ends of its interval, turned into quantiles, are the ends of
the interval. The standard error is the interval's length over 2 t. The design effect given is that of the
share.

The others by linearisation, z of a case, N = sum w, Y = sum w y:

- ``gini``: G = sum w_k y_k (2 N_k - w_k) / (N Y) - 1, with N_k, Y_k the sums of w and w y over cases up to
  y_k;
  z = (2 (N_k y_k - Y_k) + Y - N y_k - G (Y + N y_k)) / (N Y)  (Langel and Tillé 2013).
- ``poverty_threshold``: t = share of a quantile q; z = -share (1[y <= q] - p) / (N f(q)), f by a Gaussian
  kernel of
  width s N^-1/5 (Deville 1999; Osier 2009).
- ``poverty_rate``: r = share of cases with y <= t, t from all cases of the estimand's population, not the
  domain's;
  z = 1[in domain] (1[y <= t] - r) / N_d + f_d(t) z_t.
- ``quintile_share_ratio``: S80 / S20 = sum w y 1[y > q_80] / sum w y 1[y <= q_20];
  z = (z_80 - ratio z_20) / S20, z_20 = y 1[y <= q] - m(q) (1[y <= q] - 0.2), z_80 = y - y 1[y <= q'] + m(q')
  (1[y <= q'] - 0.8), m the kernel mean of y at q (Osier 2009).

These conventions are those of R's convey package, but for the Gini coefficient, where convey has 2 N_k - 1
for 2 N_k - w_k.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from statloom.microdata.survey.domains import Partition
from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.estimand import Estimand
from statloom.microdata.survey.interval import interval, quantile_t
from statloom.microdata.survey.linear import Estimates
from statloom.microdata.survey.quantile import sample_quantile
from statloom.microdata.survey.uncertainty import Totals, Uncertainty

LOWER, UPPER = 0.2, 0.8


@dataclass(frozen=True)
class Cases:
    """The cases of one estimand in one partition. ``rows``: sorted by domain and value; ``bounds``: of the
    domains.
    """

    values: np.ndarray
    known: np.ndarray
    group: np.ndarray
    cell: np.ndarray
    rows: np.ndarray
    bounds: np.ndarray

    def each(self, weight: np.ndarray, measure: Callable[[np.ndarray, np.ndarray, int], float]) -> np.ndarray:
        """Return ``measure(values, weights, domain)`` of every domain, NaN where there is no case."""
        found = np.full(len(self.bounds) - 1, np.nan)
        values, weight = self.values[self.rows], weight[self.rows]
        for domain in range(len(found)):
            at = slice(self.bounds[domain], self.bounds[domain + 1])
            used = weight[at] > 0
            if used.all():
                y, w = values[at], weight[at]
            else:
                y, w = values[at][used], weight[at][used]
            if len(y):
                found[domain] = measure(y, w, domain)
        return found


def estimate_order(
    uncertainty: Uncertainty,
    partition: Partition,
    estimand: Estimand,
    values: np.ndarray,
    degrees: Callable[[np.ndarray], np.ndarray],
    level: float,
    with_replacement: bool,
) -> Estimates:
    """Return the estimates of one estimand in every domain, each array (domains, 1).

    ``values``: y of all rows, NaN for cases outside the estimand. ``degrees``: from a domain's own degrees of
    freedom to those to be used.
    """
    cases = _cases(uncertainty, partition, values)
    weight = uncertainty.weight
    inside = cases.group >= 0
    present = np.bincount(cases.cell[inside], minlength=len(partition.cells.leaf))[:, None] > 0
    n_psu, domain_df = uncertainty.reached(partition, present)
    n = np.diff(cases.bounds).astype(float)[:, None]
    if estimand.type == "quantile":
        return _quantile(
            uncertainty, partition, estimand, cases, n, n_psu, domain_df, degrees, level, with_replacement
        )
    if estimand.type in ("gini", "quintile_share_ratio") and (values[cases.known] < 0).any():
        row = int(np.flatnonzero(cases.known & (values < 0))[0])
        raise SurveyError(
            f"estimand {estimand.name!r}: {estimand.type} needs values of 0 and above, "
            f"found {values[row]:g} in row {row + 1}"
        )
    if estimand.type == "poverty_rate":
        found, z, common, population = _poverty_rate(uncertainty, partition, estimand, cases)
    else:
        found, z = _within_domains(estimand, cases, weight)
        common = population = None
    variance = _variance(uncertainty, partition, estimand, cases, found, z, present, common)
    with np.errstate(divide="ignore", invalid="ignore"):
        simple = (
            _simple_variance(cases, weight, z, with_replacement)
            if population is None
            else population(with_replacement)
        )
        deff = variance / simple
    return Estimates(found[:, None], variance[:, None], deff[:, None], n, n_psu, domain_df)


def _cases(uncertainty: Uncertainty, partition: Partition, values: np.ndarray) -> Cases:
    domains, cells = uncertainty.domains, partition.cells
    known = ~np.isnan(values)
    group = np.where(known, partition.of_combination[domains.combination_of_row], -1)
    cell_of_base = np.full(len(domains.leaf), -1)
    sizes = np.diff(np.append(cells.starts, len(cells.order)))
    cell_of_base[cells.order] = np.repeat(np.arange(len(cells.starts)), sizes)
    rows = np.flatnonzero(group >= 0)
    rows = rows[np.lexsort((values[rows], group[rows]))]
    bounds = np.searchsorted(group[rows], np.arange(partition.domains + 1))
    return Cases(values, known, group, cell_of_base[domains.cell], rows, bounds)


def _cell_totals(cases: Cases, partition: Partition, weighted: np.ndarray) -> np.ndarray:
    inside = cases.group >= 0
    return np.bincount(cases.cell[inside], weights=weighted[inside], minlength=len(partition.cells.leaf))[
        :, None
    ]


def _quantile(
    uncertainty: Uncertainty,
    partition: Partition,
    estimand: Estimand,
    cases: Cases,
    n: np.ndarray,
    n_psu: np.ndarray,
    domain_df: np.ndarray,
    degrees: Callable[[np.ndarray], np.ndarray],
    level: float,
    with_replacement: bool,
) -> Estimates:
    weight, inside = uncertainty.weight, cases.group >= 0
    found = cases.each(
        weight, lambda y, w, domain: sample_quantile(y, w, estimand.probability, estimand.rule)
    )
    below = np.zeros(len(weight))
    below[inside] = cases.values[inside] <= found[cases.group[inside]]
    ones = inside.astype(float)
    extra = uncertainty.extra_of_rows(inside, cases.group, partition.domains, np.stack([below, ones], axis=1))
    totals = Totals(
        _cell_totals(cases, partition, weight * below),
        _cell_totals(cases, partition, weight),
        np.array([False]),
        None if extra is None else extra[:1],
        None if extra is None else extra[1:],
    )
    starts = np.searchsorted(partition.cells.domain, np.arange(partition.domains))
    population = np.add.reduceat(totals.denominator, starts, axis=0)
    present = np.bincount(cases.cell[inside], minlength=len(totals.numerator))[:, None] > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.add.reduceat(totals.numerator, starts, axis=0) / population
        variance = uncertainty.ratio_variance(partition, totals, share, population, present)
        simple = share * (1 - share) / (n - 1)
        if not with_replacement:
            simple = np.where(population < n, np.nan, simple * (1 - n / population))
        deff = variance / simple
    df = degrees(domain_df)
    low, high = interval(estimand.interval or "mean", share, np.sqrt(variance), df, level, n)

    def end(at: np.ndarray) -> np.ndarray:
        def of_domain(y: np.ndarray, w: np.ndarray, domain: int) -> float:
            p = at[domain, 0]
            return sample_quantile(y, w, p, estimand.rule, end=True) if 0 <= p <= 1 else np.nan

        return cases.each(weight, of_domain)[:, None]

    low, high = end(low), end(high)
    se = (high - low) / (2 * quantile_t(level, df))
    return Estimates(found[:, None], se**2, deff, n, n_psu, domain_df, low, high)


def _kernel_width(y: np.ndarray, w: np.ndarray) -> float:
    population = w.sum()
    mean = (w * y).sum() / population
    spread = (w * (y - mean) ** 2).sum() / population
    return float(np.sqrt(spread) * population**-0.2)


def _kernel(y: np.ndarray, w: np.ndarray, at: float) -> tuple[float, float]:
    """Return the density of y at a point, and the mean of y around it."""
    width = _kernel_width(y, w)
    if not width > 0:
        return np.nan, np.nan
    bell = w * np.exp(-(((at - y) / width) ** 2) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return bell.sum() / np.sqrt(2 * np.pi) / (w.sum() * width), (bell * y).sum() / bell.sum()


def gini(y: np.ndarray, w: np.ndarray) -> float:
    """Return the Gini coefficient of values sorted upwards."""
    up_to = np.cumsum(w)
    return float((w * y * (2 * up_to - w)).sum() / (up_to[-1] * (w * y).sum()) - 1)


def _gini_z(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    last = np.searchsorted(y, y, side="right") - 1
    up_to, income = np.cumsum(w)[last], np.cumsum(w * y)[last]
    n, total, found = up_to[-1], income[-1], gini(y, w)
    return (2 * (up_to * y - income) + total - n * y - found * (total + n * y)) / (n * total)


def _threshold(estimand: Estimand, y: np.ndarray, w: np.ndarray) -> float:
    return estimand.threshold_share * sample_quantile(y, w, estimand.threshold_probability, "math")


def _threshold_z(estimand: Estimand, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    p = estimand.threshold_probability
    at = sample_quantile(y, w, p, "math")
    density, _ = _kernel(y, w, at)
    return -estimand.threshold_share * ((y <= at) - p) / (w.sum() * density)


def quintile_share_ratio(y: np.ndarray, w: np.ndarray) -> float:
    """Return the total of the richest fifth over that of the poorest fifth."""
    low, high = sample_quantile(y, w, LOWER, "math"), sample_quantile(y, w, UPPER, "math")
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.divide((w * y)[y > high].sum(), (w * y)[y <= low].sum()))


def _quintile_share_z(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    parts = []
    for p in (LOWER, UPPER):
        at = sample_quantile(y, w, p, "math")
        _, mean = _kernel(y, w, at)
        parts.append(y * (y <= at) - mean * ((y <= at) - p))
    low, high = sample_quantile(y, w, LOWER, "math"), sample_quantile(y, w, UPPER, "math")
    bottom, top = (w * y)[y <= low].sum(), (w * y)[y > high].sum()
    return (y - parts[1]) / bottom - top / bottom**2 * parts[0]


def _point(estimand: Estimand) -> Callable[[np.ndarray, np.ndarray], float]:
    return {
        "gini": gini,
        "poverty_threshold": lambda y, w: _threshold(estimand, y, w),
        "quintile_share_ratio": quintile_share_ratio,
    }[estimand.type]


def _within_domains(estimand: Estimand, cases: Cases, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    linearise = {
        "gini": _gini_z,
        "poverty_threshold": lambda y, w: _threshold_z(estimand, y, w),
        "quintile_share_ratio": _quintile_share_z,
    }[estimand.type]
    point = _point(estimand)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = cases.each(weight, lambda y, w, domain: point(y, w))
        z = np.zeros(len(weight))
        for domain in range(len(found)):
            rows = cases.rows[cases.bounds[domain] : cases.bounds[domain + 1]]
            if len(rows):
                z[rows] = linearise(cases.values[rows], weight[rows])
    return found, z


def _poverty_rate(
    uncertainty: Uncertainty, partition: Partition, estimand: Estimand, cases: Cases
) -> tuple[np.ndarray, np.ndarray, tuple, Callable[[bool], np.ndarray]]:
    weight, values, structure = uncertainty.weight, cases.values, uncertainty.structure
    everyone = np.flatnonzero(cases.known)
    everyone = everyone[np.argsort(values[everyone], kind="stable")]
    line, line_z = np.nan, np.zeros(len(weight))
    with np.errstate(divide="ignore", invalid="ignore"):
        if len(everyone):
            line = _threshold(estimand, values[everyone], weight[everyone])
            line_z[everyone] = _threshold_z(estimand, values[everyone], weight[everyone])
        found = cases.each(weight, lambda y, w, domain: w[y <= line].sum() / w.sum())
        slope = cases.each(weight, lambda y, w, domain: _kernel(y, w, line)[0])
        size = cases.each(weight, lambda y, w, domain: w.sum())
        z = np.zeros(len(weight))
        inside = cases.group >= 0
        group = cases.group[inside]
        z[inside] = ((values[inside] <= line) - found[group]) / size[group]
    by_leaf = np.bincount(structure.leaf, weights=weight * line_z, minlength=structure.leaves)[:, None]
    products = None
    if uncertainty.projection is not None:
        products = uncertainty.extra_of_rows(
            cases.known, np.zeros(len(weight), dtype=int), 1, line_z[:, None]
        )[:, 0].T

    def simple(with_replacement: bool) -> np.ndarray:
        w = weight[everyone]
        n, population = len(w), w.sum()
        made = np.empty(partition.domains)
        for domain in range(partition.domains):
            whole = np.where(cases.group == domain, z, 0.0)[everyone] + slope[domain] * line_z[everyone]
            made[domain] = _simple(whole, w, n, population, with_replacement)
        return made

    return found, z, (by_leaf, slope[:, None], products), simple


def _simple(z: np.ndarray, w: np.ndarray, n: int, population: float, with_replacement: bool) -> float:
    """Return the variance of the total of z under simple random sampling."""
    if n < 2 or (population < n and not with_replacement):
        return np.nan
    mean = (w * z).sum() / population
    spread = (w * (z - mean) ** 2).sum() / population * n / (n - 1)
    return spread * population**2 / n * (1.0 if with_replacement else 1 - n / population)


def _simple_variance(cases: Cases, weight: np.ndarray, z: np.ndarray, with_replacement: bool) -> np.ndarray:
    made = np.full(len(cases.bounds) - 1, np.nan)
    for domain in range(len(made)):
        rows = cases.rows[cases.bounds[domain] : cases.bounds[domain + 1]]
        w = weight[rows]
        made[domain] = _simple(z[rows], w, len(rows), w.sum(), with_replacement)
    return made


def _variance(
    uncertainty: Uncertainty,
    partition: Partition,
    estimand: Estimand,
    cases: Cases,
    found: np.ndarray,
    z: np.ndarray,
    present: np.ndarray,
    common: tuple | None,
) -> np.ndarray:
    if uncertainty.replicates is not None:
        replicated = np.stack(
            [
                _again(estimand, cases, uncertainty.replicates.weights(replicate))
                for replicate in range(uncertainty.replicates.number)
            ],
            axis=-1,
        )
        return uncertainty.replicates.variance(replicated, found)
    extra = uncertainty.extra_of_rows(cases.group >= 0, cases.group, partition.domains, z[:, None])
    numerator = _cell_totals(cases, partition, uncertainty.weight * z)
    totals = Totals(
        numerator,
        np.zeros_like(numerator),
        np.array([True]),
        extra,
        None if extra is None else np.zeros_like(extra),
    )
    made = uncertainty.ratio_variance(
        partition, totals, found[:, None], np.ones_like(found)[:, None], present, common
    )
    return np.where(np.isnan(found), np.nan, made[:, 0])


def _again(estimand: Estimand, cases: Cases, weight: np.ndarray) -> np.ndarray:
    """Return the estimates of all domains with other weights."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if estimand.type != "poverty_rate":
            point = _point(estimand)
            return cases.each(weight, lambda y, w, domain: point(y, w))
        everyone = np.flatnonzero(cases.known & (weight > 0))
        everyone = everyone[np.argsort(cases.values[everyone], kind="stable")]
        line = _threshold(estimand, cases.values[everyone], weight[everyone])
        return cases.each(weight, lambda y, w, domain: w[y <= line].sum() / w.sum())
