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
from statloom.microdata.survey.domains import Partition
from statloom.microdata.survey.structure import Structure
from statloom.microdata.survey.variance import variance


@dataclass
class Estimates:
    """Results of K estimands in D domains, each array (D, K)."""

    estimate: np.ndarray
    variance: np.ndarray
    deff: np.ndarray
    n: np.ndarray
    n_psu: np.ndarray
    domain_df: np.ndarray


def estimate_linear(
    structure: Structure,
    partition: Partition,
    sums: Sequence[MeasureSums],
    types: Sequence[str],
    with_replacement: bool = False,
) -> Estimates:
    """Return the estimates of ``types[k]`` from the sums of measure k, for every domain of the partition."""
    cells = partition.cells
    numerator = cells.gather(np.stack([made.values[0] for made in sums]))
    own = np.array([made.own for made in sums])
    weight_cells = cells.gather(sums[0].weight[None] if not own[0] else _shared(sums, "weight"))
    count_cells = cells.gather(sums[0].count[None] if not own[0] else _shared(sums, "count"))
    weight = np.repeat(weight_cells, len(sums), axis=1)
    count = np.repeat(count_cells, len(sums), axis=1)
    if own.any():
        weight[:, own] = cells.gather(
            np.stack([made.weight for made, mine in zip(sums, own, strict=True) if mine])
        )
        count[:, own] = cells.gather(
            np.stack([made.count for made, mine in zip(sums, own, strict=True) if mine])
        )
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
        ratio = np.where(is_total, 0.0, total / below)
        divisor = np.where(is_total, 1.0, below)
        linearised = (numerator - ratio[domain] * denominator) / divisor[domain]
    present = count > 0
    made_variance = variance(structure, domain, cells.leaf, linearised, present)
    n_psu, domain_df = reached(structure, domain, cells.leaf, present)
    return Estimates(
        estimate=np.where(is_total, total, ratio),
        variance=made_variance,
        deff=_design_effect(
            partition, sums, types, made_variance, ratio, total, population, below, cases, with_replacement
        ),
        n=cases,
        n_psu=n_psu,
        domain_df=domain_df,
    )


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


def _shared(sums: Sequence[MeasureSums], name: str) -> np.ndarray:
    return getattr(next((made for made in sums if not made.own), sums[0]), name)[None]


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
