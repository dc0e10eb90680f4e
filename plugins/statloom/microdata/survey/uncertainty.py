"""Variance of totals and ratios by whichever way the design asks for: linearised, calibrated, or
replicated.
"""

from dataclasses import dataclass

import numpy as np

from statloom.microdata.survey.calibration import Projection
from statloom.microdata.survey.domains import Domains, Partition
from statloom.microdata.survey.reach import ranks, reached
from statloom.microdata.survey.replication import ReplicateSet
from statloom.microdata.survey.structure import Structure
from statloom.microdata.survey.variance import variance

# Numbers held at once when linearised totals are spread over all leaves.
_AT_ONCE = 6_000_000
_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Totals:
    """Weighted totals of K numerators and denominators over the cells of one partition, (cells, K) each.

    ``is_total``: (K,), whether estimand k is the numerator's total, with no denominator. ``extra_numerator``,
    ``extra_denominator``: (K, domains, m), the products with the m auxiliaries of a calibration, or the
    totals in the m replicates. None where the design needs none.
    """

    numerator: np.ndarray
    denominator: np.ndarray
    is_total: np.ndarray
    extra_numerator: np.ndarray | None = None
    extra_denominator: np.ndarray | None = None


class Uncertainty:
    """Knows the sampling structure, the final weights, and how variance is estimated.

    ``weight``: final weight of each row. ``df``: degrees of freedom of the design. ``own_ranks``: degrees of
    freedom of a domain are asked for, which with replicates are the rank of its weights less one.
    """

    def __init__(
        self,
        structure: Structure,
        domains: Domains,
        weight: np.ndarray,
        projection: Projection | None,
        replicates: ReplicateSet | None,
        own_ranks: bool = False,
    ) -> None:
        self.structure, self.domains, self.weight = structure, domains, weight
        self.projection, self.replicates = projection, replicates
        self.own_ranks = own_ranks
        self.df = float(structure.degrees_of_freedom if replicates is None else replicates.df)

    def reached(self, partition: Partition, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the PSUs with a case of each domain, and the domain's degrees of freedom, (D, K) each."""
        cells = partition.cells
        n_psu, df = reached(self.structure, cells.domain, cells.leaf, present)
        if self.own_ranks and self.replicates is not None:
            group = partition.of_combination[self.domains.combination_of_row]
            df = ranks(self.replicates, self.structure.leaf, partition, present, group)
        return n_psu, df

    @property
    def extra_size(self) -> int:
        """How many numbers each value and domain needs beside its totals: auxiliaries or replicates."""
        if self.replicates is not None:
            return self.replicates.number if self.replicates.matrix is not None else 0
        return self.projection.size if self.projection else 0

    def add_extra(
        self, out: np.ndarray, start: int, stop: int, group: np.ndarray, values: np.ndarray
    ) -> None:
        """Add to ``out`` (columns, groups, extra_size) what rows start … stop contribute; ``values``: (rows,
        columns).
        """
        (self.replicates or self.projection).add(out, start, stop, group, values)

    def extra_of_rows(
        self, rows: np.ndarray, group: np.ndarray, groups: int, values: np.ndarray
    ) -> np.ndarray | None:
        """Return the extra sums, (columns, groups, extra_size), of ``values`` (all rows, columns), rows in
        ``rows``.
        """
        if not self.extra_size:
            return None
        out = np.zeros((values.shape[1], groups, self.extra_size))
        for start in range(0, len(values), _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, len(values))
            inside = rows[start:stop]
            if not inside.any():
                continue
            masked = np.where(inside[:, None], values[start:stop], 0.0)
            # Rows outside add zero; any group will do for them.
            self.add_extra(out, start, stop, np.where(inside, group[start:stop], 0), masked)
        return out

    def ratio_variance(
        self,
        partition: Partition,
        totals: Totals,
        estimate: np.ndarray,
        below: np.ndarray,
        present: np.ndarray | None,
        common: tuple[np.ndarray, np.ndarray, np.ndarray | None] | None = None,
    ) -> np.ndarray:
        """Return the variance of ``estimate`` (domains, K), whose denominators are ``below``.

        ``common``: a linearised variable that reaches beyond the domain: its totals by leaf (leaves, K), the
        factor that each domain has on it (domains, K), and its products with the auxiliaries (size, K).
        """
        if self.replicates is not None:
            return self._replicated(partition, totals, estimate)
        cells = partition.cells
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(totals.is_total, 0.0, estimate)
            divisor = np.where(totals.is_total, 1.0, below)
            linearised = (totals.numerator - ratio[cells.domain] * totals.denominator) / divisor[cells.domain]
            if self.projection is None and common is None:
                return variance(self.structure, cells.domain, cells.leaf, linearised, present)
            products = None
            if self.projection is not None:
                top, bottom = (
                    part.transpose(1, 2, 0) for part in (totals.extra_numerator, totals.extra_denominator)
                )
                products = (top - ratio[:, None, :] * bottom) / divisor[:, None, :]
        return self._spread(partition, linearised, products, common)

    def _spread(
        self,
        partition: Partition,
        linearised: np.ndarray,
        products: np.ndarray | None,
        common: tuple[np.ndarray, np.ndarray, np.ndarray | None] | None,
    ) -> np.ndarray:
        cells, leaves, columns = partition.cells, self.structure.leaves, linearised.shape[1]
        at_once = max(1, _AT_ONCE // (leaves * columns))
        result = np.empty((partition.domains, columns))
        for first in range(0, partition.domains, at_once):
            last = min(first + at_once, partition.domains)
            spread = np.zeros((last - first, leaves, columns))
            inside = slice(*np.searchsorted(cells.domain, [first, last]))
            spread[cells.domain[inside] - first, cells.leaf[inside]] = linearised[inside]
            for place in range(first, last):
                explained = 0.0 if products is None else products[place]
                if common is not None:
                    by_leaf, factor, auxiliaries = common
                    spread[place - first] += by_leaf * factor[place]
                    if products is not None:
                        explained = explained + auxiliaries * factor[place]
                if products is not None:
                    found = self.projection.coefficients(explained)
                    spread[place - first] -= self.projection.leaf_totals @ found
            result[first:last] = variance(
                self.structure,
                np.repeat(np.arange(last - first), leaves),
                np.tile(np.arange(leaves), last - first),
                spread.reshape(-1, columns),
            )
        return result

    def _replicated(self, partition: Partition, totals: Totals, estimate: np.ndarray) -> np.ndarray:
        top, bottom = totals.extra_numerator, totals.extra_denominator
        if top is None:
            top, bottom = (
                self._by_factors(partition, part) for part in (totals.numerator, totals.denominator)
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            replicated = np.where(totals.is_total[:, None, None], top, top / bottom)
        return self.replicates.variance(replicated.transpose(1, 0, 2), estimate)

    def _by_factors(self, partition: Partition, cells: np.ndarray) -> np.ndarray:
        """Return replicate totals, (K, domains, R), from the totals over cells."""
        domain, leaf = partition.cells.domain, partition.cells.leaf
        out = np.empty((cells.shape[1], partition.domains, self.replicates.number))
        bounds = np.searchsorted(domain, np.arange(partition.domains + 1))
        for place in range(partition.domains):
            rows = slice(bounds[place], bounds[place + 1])
            out[:, place, :] = cells[rows].T @ self.replicates.factors[leaf[rows]]
        return out
