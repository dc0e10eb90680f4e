"""Variance of weighted totals from a stratified multi-stage sample.

First stage, strata h with n_h units, fraction f_h sampled, unit totals z_hi of the linearised variable:

    V_1 = sum_h (1 - f_h) n_h / (n_h - 1) sum_i (z_hi - mean_h)^2

and for every further stage the same expression within each unit of the stage above, times the product of the
fractions sampled above it. Särndal, Swensson and Wretman (1992), sections 4.3 to 4.4, by recursion; without
fpc it is the estimator for sampling with replacement at the first stage (ultimate clusters, Wolter 2007,
section 1.4; also the usual approximation for sampling proportional to size without replacement). All units of
the design count in n_h, also those with no case of the domain: their total is zero (Lumley 2010, section
2.2).
"""

import numpy as np

from statloom.microdata.survey.structure import WHOLE, Structure


def variance(
    structure: Structure,
    domain: np.ndarray,
    leaf: np.ndarray,
    totals: np.ndarray,
    present: np.ndarray | None = None,
) -> np.ndarray:
    """Return the variances of the domains' totals, shape (domains, K).

    ``totals``: (cells, K), weighted totals of K linearised variables in the cell of ``domain`` and ``leaf``;
    cells sorted by both, every domain 0 … D-1 has at least one. ``present``: (cells, K), whether the cell
    holds a case that counts; only the rule ``average`` asks which strata a domain reaches, and
    ``lonely_in_domain`` which it reaches in one unit only; without it all count.
    """
    domains_at = _starts(domain)
    result = np.zeros((len(domains_at), totals.shape[1]))
    for stage in structure.stages:
        unit = stage.unit[leaf]
        starts = _starts(domain, unit)
        of_unit = np.add.reduceat(totals, starts, axis=0)
        domain_of_unit, unit = domain[starts], unit[starts]
        stratum = stage.stratum[unit]
        groups = _starts(domain_of_unit, stratum)
        group_of_unit = np.repeat(np.arange(len(groups)), np.diff(np.append(groups, len(unit))))
        domain_of_group, stratum = domain_of_unit[groups], stratum[groups]

        sampled = stage.sampled[stratum]
        with_cases = np.diff(np.append(groups, len(unit)))
        fraction = stage.fraction[stratum]
        lonely = (sampled == 1) & (fraction < WHOLE)
        seen = None
        if present is not None and structure.lonely_psu in ("adjust", "average"):
            seen = np.add.reduceat(
                np.add.reduceat(present.astype(float), starts, axis=0) > 0, groups, axis=0, dtype=float
            )
        alone = np.broadcast_to(lonely[:, None], (len(groups), totals.shape[1]))
        if structure.lonely_in_domain and seen is not None:
            alone = alone | ((seen == 1) & (fraction < WHOLE)[:, None])
        scale = np.where(
            fraction < WHOLE,
            stage.factor[stratum]
            * (1 - fraction)
            * np.where(sampled > 1, sampled / np.maximum(sampled - 1, 1), 1.0),
            0.0,
        )
        mean = np.add.reduceat(of_unit, groups, axis=0) / sampled[:, None]
        if structure.lonely_psu == "adjust":
            mean[alone] = 0.0
        squares = np.add.reduceat((of_unit - mean[group_of_unit]) ** 2, groups, axis=0)
        squares += (sampled - with_cases)[:, None] * mean**2
        squares *= scale[:, None]
        if structure.lonely_psu == "average" and alone.any():
            squares = _averaged(
                squares, alone, None if seen is None else seen > 0, domain_of_group, stage.parent[stratum]
            )
        result += np.add.reduceat(squares, _starts(domain_of_group), axis=0)
    return result


def _averaged(
    squares: np.ndarray, lonely: np.ndarray, seen: np.ndarray | None, domain: np.ndarray, parent: np.ndarray
) -> np.ndarray:
    """Let lonely strata add the mean of the other strata of the same domain and unit above."""
    if seen is None:
        seen = np.ones(squares.shape, dtype=bool)
    sets = _starts(domain, parent)
    sizes = np.diff(np.append(sets, len(domain)))
    all_strata = np.add.reduceat(seen.astype(float), sets, axis=0)
    good_strata = np.add.reduceat((seen & ~lonely).astype(float), sets, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        inflation = np.where(all_strata > 0, all_strata / good_strata, 1.0)
    squares = np.where(lonely, 0.0, squares) * np.repeat(
        np.where(good_strata > 0, inflation, 1.0), sizes, axis=0
    )
    # No other stratum to take the mean of: the variance is unknown.
    hopeless = np.repeat((good_strata == 0) & (all_strata > 0), sizes, axis=0)
    return np.where(hopeless, np.nan, squares)


def _starts(*keys: np.ndarray) -> np.ndarray:
    """Return where a new combination of the sorted ``keys`` begins."""
    new = np.zeros(len(keys[0]), dtype=bool)
    new[0] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)
