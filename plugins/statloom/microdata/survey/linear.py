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
    own = np.array([made.own for made in sums])
    weight, count = (_over_cells(cells, sums, own, name) for name in ("weight", "count"))
    shares = _shares(uncertainty, partition, sums)
    pivot = np.stack(
        [_pivot(partition, made, share) for made, share in zip(sums, shares, strict=True)], axis=1
    )
    numerator = cells.gather(np.stack(_numerators(uncertainty, partition, sums, types, pivot)))
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
        # Of means and ratios: from the pivot.
        centred = np.where(is_total, total, total / below)
    estimate = np.where(is_total, total, pivot + centred)
    present = count > 0
    extra = _extra(partition, sums, types, pivot)
    totals = Totals(numerator, denominator, is_total, *extra)
    made_variance = uncertainty.ratio_variance(partition, totals, centred, below, present)
    n_psu, domain_df = uncertainty.reached(partition, present)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.where(is_total, total / population, estimate)
    squares = _squares(partition, sums, shares, centre, total)
    deff = _design_effect(types, made_variance, squares, population, below, cases, with_replacement)
    return Estimates(estimate, made_variance, deff, cases, n_psu, domain_df)


def _shares(
    uncertainty: Uncertainty, partition: Partition, sums: Sequence[MeasureSums]
) -> list[np.ndarray | None]:
    """Return the weights of combinations of domain columns, for each measure with a pivot."""
    combination, size = uncertainty.domains.combination, len(partition.of_combination)
    shared, made_shares = None, []
    for made in sums:
        if made.pivot is None:
            made_shares.append(None)
        elif made.own:
            made_shares.append(np.bincount(combination, weights=made.weight, minlength=size))
        else:
            if shared is None:
                shared = np.bincount(combination, weights=made.weight, minlength=size)
            made_shares.append(shared)
    return made_shares


def _pivot(partition: Partition, made: MeasureSums, share: np.ndarray | None) -> np.ndarray:
    """Return a value near those of each domain, (D,): the mean of its combinations' pivots; 0 for shares."""
    if made.pivot is None:
        return np.zeros(partition.domains)
    inside = (partition.of_combination >= 0) & (share > 0)
    domain = partition.of_combination[inside]
    top = np.bincount(domain, weights=(share * made.pivot)[inside], minlength=partition.domains)
    bottom = np.bincount(domain, weights=share[inside], minlength=partition.domains)
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def _numerators(
    uncertainty: Uncertainty,
    partition: Partition,
    sums: Sequence[MeasureSums],
    types: Sequence[str],
    pivot: np.ndarray,
) -> list[np.ndarray]:
    """Return the sums of w (y - P x) over base cells, P the pivot of the cell's domain; of w y for totals and
    shares.
    """
    combination = uncertainty.domains.combination
    numerators = []
    for place, made in enumerate(sums):
        top = made.values[0]
        if made.pivot is not None and types[place] != "total":
            apart = made.pivot - pivot[partition.of_combination, place]
            if apart.any():
                top = top + apart[combination] * (made.values[1] if types[place] == "ratio" else made.weight)
        numerators.append(top)
    return numerators


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
    partition: Partition, sums: Sequence[MeasureSums], types: Sequence[str], pivot: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the extra sums of numerators and denominators over the domains, (K, D, m) each."""
    if sums[0].extra is None:
        return None, None
    domain = partition.of_combination
    inside = np.flatnonzero(domain >= 0)
    inside = inside[np.argsort(domain[inside], kind="stable")]
    starts = np.searchsorted(domain[inside], np.arange(partition.domains))
    tops, bottoms = [], []
    for place, (made, kind) in enumerate(zip(sums, types, strict=True)):
        top, bottom = made.extra[:, inside]
        if made.pivot is not None and kind != "total":
            top = top + (made.pivot[inside] - pivot[domain[inside], place])[:, None] * bottom
        tops.append(np.add.reduceat(top, starts, axis=0))
        bottoms.append(
            np.zeros_like(tops[-1]) if kind == "total" else np.add.reduceat(bottom, starts, axis=0)
        )
    return np.stack(tops), np.stack(bottoms)


def _squares(
    partition: Partition,
    sums: Sequence[MeasureSums],
    shares: Sequence[np.ndarray | None],
    centre: np.ndarray,
    total: np.ndarray,
) -> np.ndarray:
    """Return the sums of w (y - R x)^2 over the domains, (D, K); ``centre``: R, the mean for a total."""
    inside = partition.of_combination >= 0
    domain = partition.of_combination[inside]
    squares = np.empty_like(total)
    for place, made in enumerate(sums):
        if made.pivot is None:
            squares[:, place] = total[:, place] * (1 - centre[:, place])
            continue
        apart = made.pivot[inside] - centre[domain, place]
        of_e, of_both = (part[inside] for part in made.squares[:2])
        of_x = (made.squares[2] if len(made.squares) == 3 else shares[place])[inside]
        with np.errstate(invalid="ignore"):
            whole = of_e + 2 * apart * of_both + apart**2 * of_x
        squares[:, place] = np.bincount(domain, weights=whole, minlength=partition.domains)
    return squares


def _design_effect(
    types: Sequence[str],
    made_variance: np.ndarray,
    squares: np.ndarray,
    population: np.ndarray,
    below: np.ndarray,
    cases: np.ndarray,
    with_replacement: bool,
) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        simple = squares / population / (cases - 1)
        if not with_replacement:
            simple = np.where(population < cases, np.nan, simple * (1 - cases / population))
        # What a unit's residual is divided by: nothing for a total, N for a mean, X for a ratio.
        factor = np.empty_like(squares)
        for place, kind in enumerate(types):
            factor[:, place] = population[:, place] / (1.0 if kind == "total" else below[:, place])
        return made_variance / (simple * factor**2)
