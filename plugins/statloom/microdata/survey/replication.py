"""Replicate weights: made from strata and PSUs, or given; and the variance they give.

    V = scale * sum_r rscales[r] (theta_r - centre)^2

centre: the mean of the replicates, or with ``mse`` the estimate from the full sample. Factors on the weight
(n_h PSUs in stratum h, R replicates; Wolter 2007, chapters 3 and 4; Rust and Rao 1996):

- jk1: PSU r out, all others n / (n - 1); scale (n - 1) / n (1 - f).
- jkn: PSU r of stratum h out, others of h n_h / (n_h - 1); rscales (n_h - 1) / n_h (1 - f_h).
- brr, fay: of two PSUs in a stratum (of more: of each two, in the order of rows) one 2 - rho, the other rho,
  by a Hadamard matrix; scale 1 / (R (1 - rho)^2).
- bootstrap: n_h PSUs drawn of n_h with replacement (Canty and Davison 1999); scale m / ((m - 1) (R - 1)), m
  the harmonic mean of n_h; with fpc drawn without replacement from the PSUs repeated up to N_h.
- subbootstrap: n_h - 1 drawn, times n_h / (n_h - 1) (Rao and Wu 1988); scale 1 / (R - 1).

as R's ``as.svrepdesign`` and ``svrepdesign``.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from statloom.microdata.survey.design import Design, Replicates
from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.structure import WHOLE, Structure, numbers_of

_LARGEST_MATRIX = 400_000_000


@dataclass(frozen=True)
class ReplicateSet:
    """Replicate weights of all rows: ``factors`` (leaves, R) on ``weight``, or, where rows differ, ``matrix``
    (rows, R).
    """

    weight: np.ndarray
    leaf: np.ndarray
    factors: np.ndarray | None
    matrix: np.ndarray | None
    scale: float
    rscales: np.ndarray
    mse: bool
    df: float

    @property
    def number(self) -> int:
        """Number of replicates."""
        return len(self.rscales)

    def weights(self, replicate: int) -> np.ndarray:
        """Return the weights of all rows in one replicate."""
        if self.matrix is not None:
            return self.matrix[:, replicate]
        return self.weight * self.factors[self.leaf, replicate]

    def add(self, out: np.ndarray, start: int, stop: int, group: np.ndarray, values: np.ndarray) -> None:
        """Add to ``out`` (columns, groups, R) the replicate totals of ``values`` over rows start … stop."""
        order = np.argsort(group, kind="stable")
        groups, bounds = np.unique(group[order], return_index=True)
        bounds = np.append(bounds, len(order))
        if self.matrix is not None:
            weights = self.matrix[start:stop][order]
        else:
            weights = (self.weight[start:stop, None] * self.factors[self.leaf[start:stop]])[order]
        values = values[order]
        for place, one in enumerate(groups):
            rows = slice(bounds[place], bounds[place + 1])
            out[:, one, :] += values[rows].T @ weights[rows]

    def variance(self, replicates: np.ndarray, estimate: np.ndarray) -> np.ndarray:
        """Return the variance from estimates in all replicates, (…, R), and in the full sample, (…).

        Replicates without an estimate (NaN) are left out, as R does.
        """
        known = np.isfinite(replicates)
        counted = known & (self.rscales > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(counted, replicates, 0.0).sum(axis=-1) / counted.sum(axis=-1)
        centre = estimate if self.mse else mean
        squares = np.where(known, (replicates - centre[..., None]) ** 2, 0.0)
        return np.where(known.any(axis=-1), self.scale * (squares @ self.rscales), np.nan)


def make(design: Design, structure: Structure) -> ReplicateSet:
    """Return replicate weights made from the strata and PSUs of the first stage."""
    plan = design.replicates
    stage = structure.stages[0]
    stratum, sampled, fraction = stage.stratum, stage.sampled, stage.fraction
    units, strata = len(stratum), len(sampled)
    lonely = (sampled == 1) & (fraction < WHOLE)
    if lonely.any() and (plan.method != "jkn" or structure.lonely_psu == "fail"):
        raise SurveyError(
            "design, field replicates: a stratum has one PSU; replicates cannot be made, except for jkn with "
            "lonely_psu remove, certainty, adjust or average"
        )
    made = {"jk1": units, "jkn": units, "brr": units // 2, "fay": units // 2}
    number = made.get(plan.method, plan.number)
    if units * number > _LARGEST_MATRIX:
        raise SurveyError(
            f"design, field replicates: {number} replicates of {units} PSUs need "
            f"{units * number * 8 / 2**30:.1f} GiB; take a bootstrap of fewer"
        )
    if plan.method == "jk1":
        if strata > 1:
            raise SurveyError("design, field replicates.method: jk1 is for designs without strata, use jkn")
        factors = np.full((units, units), units / (units - 1))
        np.fill_diagonal(factors, 0.0)
        scale, rscales = (units - 1) / units * (1 - fraction[0]), np.ones(units)
    elif plan.method == "jkn":
        with np.errstate(divide="ignore"):
            factors = np.where(
                stratum[:, None] == stratum[None, :], (sampled / (sampled - 1))[stratum][:, None], 1.0
            )
        np.fill_diagonal(factors, 0.0)
        keep = (fraction < WHOLE)[stratum]
        shares = (sampled - 1) / sampled * (1 - fraction)
        if structure.lonely_psu == "adjust":
            # Out is the whole stratum; as if the strata were the PSUs of a sample.
            factors[:, lonely[stratum]] = strata / (strata - 1)
            np.fill_diagonal(factors, 0.0)
            shares[lonely] = (strata - 1) / strata
        else:
            keep &= ~lonely[stratum]
        keep = np.flatnonzero(keep)
        scale = units / len(keep) if structure.lonely_psu == "average" else 1.0
        factors, rscales = factors[:, keep], shares[stratum[keep]]
    elif plan.method in ("brr", "fay"):
        rho = plan.rho if plan.method == "fay" else 0.0
        if (sampled % 2).any():
            raise SurveyError(
                f"design, field replicates.method: {plan.method} needs two PSUs in every stratum, "
                "or an even number"
            )
        pair, first = _pairs(structure)
        signs = hadamard(units // 2 + 1)[:, 1 : units // 2 + 1]
        side = np.where(first, 1.0, -1.0)[:, None] * signs.T[pair]
        factors = 1 + side * (1 - rho)
        scale, rscales = 1 / (len(signs) * (1 - rho) ** 2), np.ones(len(signs))
    else:
        factors, scale = _bootstrap(plan, stratum, sampled, fraction)
        rscales = np.ones(plan.number)
    return ReplicateSet(
        weight=structure.weight,
        leaf=structure.leaf,
        factors=factors[stage.unit],
        matrix=None,
        scale=plan.scale if plan.scale is not None else float(scale),
        rscales=np.array(plan.rscales) if plan.rscales is not None else rscales,
        mse=plan.mse,
        df=_jackknife_df(sampled, fraction) if plan.method in ("jk1", "jkn") else rank(factors) - 1,
    )


def _pairs(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """Return each PSU's pair, of neighbours in the order of rows, and whether it is the first of it."""
    stage = structure.stages[0]
    first_row = np.unique(stage.unit[structure.leaf], return_index=True)[1]
    order = np.lexsort((first_row, stage.stratum))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place // 2, place % 2 == 0


def _jackknife_df(sampled: np.ndarray, fraction: np.ndarray) -> float:
    """Return the rank of jackknife weights less one: all replicates of a stratum add up to the full
    sample.
    """
    return float((sampled - 1)[fraction < WHOLE].sum())


def _bootstrap(
    plan: Replicates, stratum: np.ndarray, sampled: np.ndarray, fraction: np.ndarray
) -> tuple[np.ndarray, float]:
    if plan.number < 2:
        raise SurveyError(f"design, field replicates.number: {plan.number} replicates are too few")
    generator = np.random.default_rng(plan.seed)
    factors = np.empty((len(stratum), plan.number))
    for one, size in enumerate(sampled):
        rows = np.flatnonzero(stratum == one)
        if plan.method == "subbootstrap":
            chosen = generator.integers(0, size, (plan.number, size - 1))
            scale = size / (size - 1)
        elif fraction[one] > 0:
            pool = np.arange(round(size / fraction[one])) % size
            chosen = np.stack([generator.permutation(pool)[:size] for _ in range(plan.number)])
            scale = 1.0
        else:
            chosen = generator.integers(0, size, (plan.number, size))
            scale = 1.0
        flat = (chosen + size * np.arange(plan.number)[:, None]).ravel()
        factors[rows] = np.bincount(flat, minlength=size * plan.number).reshape(plan.number, size).T * scale
    if plan.method == "subbootstrap":
        return factors, 1 / (plan.number - 1)
    mean = 1 / np.mean(1 / sampled)
    return factors, mean / ((mean - 1) * (plan.number - 1))


def column(table: pa.Table, name: str) -> np.ndarray:
    """Return one given replicate weight of all rows. Raises SurveyError when it is missing, negative or no
    number.
    """
    values = numbers_of(table, name, "replicates.columns")
    negative = np.flatnonzero(values < 0)
    if len(negative):
        raise SurveyError(
            f"design, field replicates.columns: column {name!r} is negative in {len(negative)} rows, "
            f"first in row {negative[0] + 1}"
        )
    return values


def given(design: Design, structure: Structure, columns: np.ndarray) -> ReplicateSet:
    """Return given replicate weights; ``columns``: (rows, R)."""
    plan = design.replicates
    number = columns.shape[1]
    if number < 2:
        raise SurveyError("design, field replicates.columns: at least two are needed")
    matrix = columns if plan.combined else columns * structure.weight[:, None]
    if plan.method == "jkn" and plan.rscales is None:
        raise SurveyError(
            "design, field replicates.rscales: needed for given jkn weights, (n_h - 1) / n_h for each"
        )
    default = {
        "jk1": (number - 1) / number,
        "jkn": 1.0,
        "brr": 1 / number,
        "fay": 1 / (number * (1 - plan.rho) ** 2),
        "bootstrap": 1 / (number - 1),
        "subbootstrap": 1 / (number - 1),
        "other": 1.0,
    }[plan.method]
    return ReplicateSet(
        weight=structure.weight,
        leaf=structure.leaf,
        factors=None,
        matrix=matrix,
        scale=plan.scale if plan.scale is not None else default,
        rscales=np.ones(number) if plan.rscales is None else np.array(plan.rscales),
        mse=plan.mse,
        df=rank(matrix) - 1,
    )


def calibrated(replicates: ReplicateSet, prepared: list, weight: np.ndarray) -> ReplicateSet:
    """Return the replicates with each one's weights calibrated anew; ``weight``: the full sample's,
    calibrated.
    """
    rows, number = len(replicates.weight), replicates.number
    if rows * number > _LARGEST_MATRIX:
        raise SurveyError(
            f"design, field replicates: {number} calibrated replicates of {rows} rows need "
            f"{rows * number * 8 / 2**30:.1f} GiB; take fewer"
        )
    matrix = np.empty((rows, number))
    for replicate in range(number):
        made = replicates.weights(replicate)
        for one in prepared:
            made = made * one.factors(made)
        matrix[:, replicate] = made
    return ReplicateSet(
        weight=weight,
        leaf=replicates.leaf,
        factors=None,
        matrix=matrix,
        scale=replicates.scale,
        rscales=replicates.rscales,
        mse=replicates.mse,
        df=rank(matrix) - 1,
    )


def rank(matrix: np.ndarray) -> int:
    """Return the rank of replicate weights, (rows, R): degrees of freedom are one less, as in R."""
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    size = np.sqrt(np.diag(gram))
    size[size == 0] = 1.0
    values = np.linalg.eigvalsh(gram / size / size[:, None])
    return int((values > values[-1] * 1e-10).sum())


def hadamard(least: int) -> np.ndarray:
    """Return a Hadamard matrix whose order is the smallest that can be made here, at least ``least``.

    Made by doubling (Sylvester) from orders q + 1 with q a prime of the form 4k + 3 (Paley). First row and
    column are 1.
    """
    order = max(2, least)
    while True:
        core = order
        doublings = 0
        while core > 2 and core % 2 == 0 and not _is_paley(core):
            core //= 2
            doublings += 1
        if core in (1, 2) or _is_paley(core):
            break
        order += 1
    made = (
        np.array([[1, 1], [1, -1]])
        if core == 2
        else np.ones((1, 1), dtype=int)
        if core == 1
        else _paley(core - 1)
    )
    for _ in range(doublings):
        made = np.block([[made, made], [made, -made]])
    made = made * made[:, :1]
    return made * made[:1]


def _is_paley(order: int) -> bool:
    prime = order - 1
    return prime % 4 == 3 and all(prime % factor for factor in range(2, int(prime**0.5) + 1))


def _paley(prime: int) -> np.ndarray:
    residues = np.zeros(prime, dtype=int)
    residues[np.arange(1, prime) ** 2 % prime] = 1
    character = np.where(np.arange(prime) == 0, 0, 2 * residues - 1)
    index = np.arange(prime)
    core = character[(index[None, :] - index[:, None]) % prime]
    made = np.ones((prime + 1, prime + 1), dtype=int)
    made[1:, 1:] = core + np.eye(prime, dtype=int)
    made[1:, 0] = -1
    made[0, 0] = 1
    return made
