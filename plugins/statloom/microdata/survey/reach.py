"""How many PSUs a domain reaches, and the degrees of freedom of its own."""

import numpy as np

from statloom.microdata.survey.domains import Partition
from statloom.microdata.survey.replication import ReplicateSet, rank
from statloom.microdata.survey.structure import Structure


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


def ranks(
    replicates: ReplicateSet,
    leaf_of_row: np.ndarray,
    partition: Partition,
    present: np.ndarray,
    group: np.ndarray,
) -> np.ndarray:
    """Return the rank of the replicate weights of each domain's cases less one, (D, K), as R's ``degf`` of a
    subset. ``present``: (cells, K), whether the cell holds a case that counts; ``group``: row → domain or -1.
    """
    cells = partition.cells
    made = np.zeros((partition.domains, present.shape[1]))
    bounds = np.searchsorted(cells.domain, np.arange(partition.domains + 1))
    for domain in range(partition.domains):
        at = slice(bounds[domain], bounds[domain + 1])
        patterns, pattern = np.unique(present[at], axis=1, return_inverse=True)
        found = []
        for seen in patterns.T:
            leaves = cells.leaf[at][seen]
            if replicates.matrix is None:
                weights = replicates.factors[leaves]
            else:
                weights = replicates.matrix[(group == domain) & np.isin(leaf_of_row, leaves)]
            found.append(rank(weights) - 1 if len(weights) else 0)
        made[domain] = np.array(found, dtype=float)[pattern.ravel()]
    return made
