"""Totals, means, proportions and ratios of all domains, with the variance of their linearised values.

With Y_d and X_d the weighted totals in domain d, R_d = Y_d / X_d, the linearised variable of a case is

    total       z = w y
    ratio       z = w (y - R_d x) / X_d        (mean and proportion: x = 1)

and zero outside the domain (Binder 1983; Särndal, Swensson and Wretman 1992, sections 5.5 to 5.8). `variance`
says what the variance of the total of z is.

Design effect: variance over that of a simple random sample of the n cases of the domain, of N = sum w,

    mean, ratio   S^2 / n (1 - n / N)          total   N^2 times that
    S^2 = n / (n - 1) sum w (y - mean)^2 / N   (for a ratio, of y - R x)

without the factor 1 - n / N when it is asked for with replacement (as R's ``deff="replace"``). Where N < n,
weights that do not add up to a population, it is NaN without replacement.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from statloom.microdata.survey.collapse import MeasureSums
from statloom.microdata.survey.domains import Cells, Partition
from statloom.microdata.survey.structure import Structure
from statloom.microdata.survey.uncertainty import Totals, Uncertainty


@dataclass
class Estimates:
    """Results of K estimands in D domains, each array (D, K). ``low``, ``high``: only where the interval is
    their own.
    """

    estimate: np.ndarray
    variance: np.ndarray
    deff: np.ndarray
    n: np.ndarray
    n_psu: np.ndarray
    domain_df: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def estimate_linear(
    uncertainty: Uncertainty,
    partition: Partition,
    sums: Sequence[MeasureSums],
    types: Sequence[str],
    with_replacement: bool = False,
) -> Estimates:
    """Return the estimates of ``types[k]`` from the sums of measure k, for every domain of the partition."""
    cells = partition.cells
    numerator = cells.gather(np.stack([made.values[0] for made in sums]))
    own = np.array([made.own for made in sums])
    weight, count = (_over_cells(cells, sums, own, name) for name in ("weight", "count"))
    denominator = weight.copy()
    for place, made in enumerate(sums):
        if types[place] == "ratio":
            denominator[:, place] = cells.gather(made.values[1][None])[:, 0]
        elif types[place] == "total":
            denominator[:, place] = 0.0

    domain = cells.domain
    starts = np.flatnonzero(np.append(True, domain[1:] != domain[:-1]))
    total, below = np.add.reduceat(numerator, starts, axis=0), np.add.reduceat(denominator, starts, axis=0)
    cases, population = np.add.reduceat(count, starts, axis=0), np.add.reduceat(weight, starts, axis=0)
    is_total = np.array([kind == "total" for kind in types])
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = np.where(is_total, total, total / below)
    present = count > 0
    extra = _extra(partition, sums, types)
    totals = Totals(numerator, denominator, is_total, *extra)
    made_variance = uncertainty.ratio_variance(partition, totals, estimate, below, present)
    n_psu, domain_df = reached(uncertainty.structure, domain, cells.leaf, present)
    ratio = np.where(is_total, 0.0, estimate)
    deff = _design_effect(
        partition, sums, types, made_variance, ratio, total, population, below, cases, with_replacement
    )
    return Estimates(estimate, made_variance, deff, cases, n_psu, domain_df)


def _over_cells(cells: Cells, sums: Sequence[MeasureSums], own: np.ndarray, name: str) -> np.ndarray:
    """Return sums of weights or counts, (cells, K); measures without missing values share one array."""
    shared = next((getattr(made, name) for made in sums if not made.own), None)
    result = np.empty((len(cells.leaf), len(sums)))
    if shared is not None:
        result[:] = cells.gather(shared[None])
    if own.any():
        result[:, own] = cells.gather(np.stack([getattr(made, name) for made in sums if made.own]))
    return result


def _extra(
    partition: Partition, sums: Sequence[MeasureSums], types: Sequence[str]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the extra sums of numerators and denominators over the domains, (K, D, m) each."""
    if sums[0].extra is None:
        return None, None
    domain = partition.of_combination
    inside = np.flatnonzero(domain >= 0)
    inside = inside[np.argsort(domain[inside], kind="stable")]
    starts = np.searchsorted(domain[inside], np.arange(partition.domains))
    tops, bottoms = [], []
    for made, kind in zip(sums, types, strict=True):
        over = np.add.reduceat(made.extra[:, inside], starts, axis=1)
        tops.append(over[0])
        bottoms.append(np.zeros_like(over[0]) if kind == "total" else over[1])
    return np.stack(tops), np.stack(bottoms)


def reached(
    structure: Structure, domain: np.ndarray, leaf: np.ndarray, present: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many PSUs have a case of each domain, and that number less the number of their strata, (D,
    K) each.
    """
    stage = structure.stages[0]
    unit = stage.unit[leaf]
    starts = np.flatnonzero(np.append(True, (domain[1:] != domain[:-1]) | (unit[1:] != unit[:-1])))
    seen = np.logical_or.reduceat(present, starts, axis=0)
    domain, stratum = domain[starts], stage.stratum[unit[starts]]
    first = np.flatnonzero(np.append(True, domain[1:] != domain[:-1]))
    units = np.add.reduceat(seen.astype(float), first, axis=0)
    starts = np.flatnonzero(np.append(True, (domain[1:] != domain[:-1]) | (stratum[1:] != stratum[:-1])))
    seen, domain = np.logical_or.reduceat(seen, starts, axis=0), domain[starts]
    first = np.flatnonzero(np.append(True, domain[1:] != domain[:-1]))
    return units, units - np.add.reduceat(seen.astype(float), first, axis=0)


def _design_effect(
    partition: Partition,
    sums: Sequence[MeasureSums],
    types: Sequence[str],
    made_variance: np.ndarray,
    ratio: np.ndarray,
    total: np.ndarray,
    population: np.ndarray,
    below: np.ndarray,
    cases: np.ndarray,
    with_replacement: bool,
) -> np.ndarray:
    inside = partition.of_combination >= 0
    domain = partition.of_combination[inside]
    squares = np.empty_like(total)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / population
        for place, made in enumerate(sums):
            products = [
                np.bincount(domain, weights=part[inside], minlength=partition.domains)
                for part in made.squares
            ]
            if types[place] == "ratio":
                of_y, of_both, of_x = products
                at = ratio[:, place]
                squares[:, place] = of_y - 2 * at * of_both + at**2 * of_x
            elif not products:
                squares[:, place] = total[:, place] * (1 - mean[:, place])
            else:
                squares[:, place] = (
                    products[0] - population[:, place] * (mean[:, place] - (made.pivot or 0.0)) ** 2
                )
        spread = squares / population * cases / (cases - 1)
        simple = spread / cases
        if not with_replacement:
            simple = np.where(population < cases, np.nan, simple * (1 - cases / population))
        # What a unit's residual is divided by: nothing for a total, N for a mean, X for a ratio.
        factor = np.empty_like(total)
        for place, kind in enumerate(types):
            factor[:, place] = population[:, place] / (1.0 if kind == "total" else below[:, place])
        return made_variance / (simple * factor**2)
