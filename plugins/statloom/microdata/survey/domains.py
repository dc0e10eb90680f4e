"""Domains: the parts of the population for which estimates are made, as codes of rows and of cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from statloom.microdata.survey.structure import Structure, codes_of


@dataclass(frozen=True)
class Cells:
    """The cells of one partition: domain × leaf, sorted by both.

    ``domain``, ``leaf``: of each cell. ``order``, ``starts``: base cells in the order of the cells, and where
    each cell begins among them.
    """

    domain: np.ndarray
    leaf: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    def gather(self, base: np.ndarray) -> np.ndarray:
        """Add up sums over base cells, (K, base cells), to sums over the cells, (cells, K)."""
        return np.add.reduceat(np.ascontiguousarray(base.T)[self.order], self.starts, axis=0)


@dataclass(frozen=True)
class Partition:
    """One list of domain columns. ``values``: for each column, the category of every domain.

    ``of_combination``: combination of all domain columns → domain, -1 where a column of this partition is
    missing.
    """

    columns: tuple[str, ...]
    values: tuple[pa.Array, ...]
    of_combination: np.ndarray
    domains: int
    cells: Cells


@dataclass(frozen=True)
class Domains:
    """All partitions over one base: the cells of leaf × combination of all domain columns that occur.

    ``cell``: row → base cell. ``leaf``, ``combination``: of each base cell. ``combinations``: how many there
    are.
    """

    cell: np.ndarray
    leaf: np.ndarray
    combination: np.ndarray
    combinations: int
    partitions: tuple[Partition, ...]

    @property
    def combination_of_row(self) -> np.ndarray:
        """Row → combination of all domain columns."""
        return self.combination[self.cell]

    def inhabited(self) -> list[tuple[int, Partition]]:
        """Return the partitions that have a domain, with their places."""
        return [(place, partition) for place, partition in enumerate(self.partitions) if partition.domains]


def build(structure: Structure, table: pa.Table, by: Sequence[Sequence[str]]) -> Domains:
    """Return the domains of ``by``; ``table`` holds its columns, one row a case.

    A row with a missing value in a domain column belongs to no domain of the partitions with that column.
    """
    names = list(dict.fromkeys(name for columns in by for name in columns))
    coded = {name: codes_of(table[name]) for name in names}
    combination = np.zeros(len(structure.leaf), dtype=np.int64)
    for name in names:
        codes, values = coded[name]
        combination = np.unique(combination * (len(values) + 1) + codes + 1, return_inverse=True)[1]
    first_of_combination = np.unique(combination, return_index=True)[1]
    # Leaf first: rows of one unit stand together in most files, and so their cells do.
    pairs = structure.leaf * len(first_of_combination) + combination
    _, first, cell = np.unique(pairs, return_index=True, return_inverse=True)
    base_leaf, base_combination = structure.leaf[first], combination[first]

    partitions = []
    for columns in by:
        key = np.zeros(len(first_of_combination), dtype=np.int64)
        inside = np.ones(len(key), dtype=bool)
        for name in columns:
            codes, values = coded[name]
            of_combination = codes[first_of_combination]
            inside &= of_combination >= 0
            key = key * max(1, len(values)) + np.maximum(of_combination, 0)
        found, domain_inside = np.unique(key[inside], return_inverse=True)
        domain = np.full(len(key), -1, dtype=np.int64)
        domain[inside] = domain_inside
        labels = []
        for name in reversed(columns):
            values = coded[name][1]
            labels.append(values.take(pa.array(found % max(1, len(values)))))
            found = found // max(1, len(values))
        partitions.append(
            Partition(
                columns=tuple(columns),
                values=tuple(reversed(labels)),
                of_combination=domain,
                domains=len(found),
                cells=_cells(domain[base_combination], base_leaf),
            )
        )
    return Domains(cell, base_leaf, base_combination, len(first_of_combination), tuple(partitions))


def _cells(domain: np.ndarray, leaf: np.ndarray) -> Cells:
    inside = np.flatnonzero(domain >= 0)
    order = inside[np.lexsort((leaf[inside], domain[inside]))]
    domain, leaf = domain[order], leaf[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (domain[1:] != domain[:-1]) | (leaf[1:] != leaf[:-1])
    starts = np.flatnonzero(new)
    return Cells(domain[starts], leaf[starts], order, starts)
