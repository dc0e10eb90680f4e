"""l-diversity: how many different values of a sensitive variable the rows have that share their keys.

A. Machanavajjhala, D. Kifer, J. Gehrke, M. Venkitasubramaniam: l-Diversity: privacy beyond k-anonymity. ACM
Transactions on Knowledge Discovery from Data 1 (2007). A missing value is no value: it adds no diversity.
"""

from collections.abc import Mapping

import numpy as np

MEASURES = ("distinct", "entropy", "recursive")


def distinct(counts: np.ndarray) -> np.ndarray:
    """Return how many values occur. ``counts``: combinations × values, rows that have the value."""
    return (counts > 0.5).sum(axis=1)


def entropy(counts: np.ndarray) -> np.ndarray:
    """Return exp(entropy): as many equally frequent values would be as diverse. 0 where no value is known."""
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros_like(counts, float), where=total > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.where(total[:, 0] > 0, np.exp(-(shares * logs).sum(axis=1)), 0)


def recursive(counts: np.ndarray, c: float) -> np.ndarray:
    """Return the largest l for which the most frequent value has fewer rows than ``c`` times those of the
    l-th and rarer values together: recursive (c, l)-diversity; at least 1."""
    ordered = -np.sort(-counts, axis=1)
    # rest[:, j]: rows of the (j + 1)-th and rarer values.
    rest = np.cumsum(ordered[:, ::-1], axis=1)[:, ::-1]
    holds = (ordered[:, :1] < c * rest - 1e-9) & (ordered > 0.5)
    ranks = np.arange(1, counts.shape[1] + 1)
    return np.maximum(np.where(holds, ranks, 0).max(axis=1, initial=0), 1)


def violated(counts: np.ndarray, wanted: Mapping[str, float]) -> np.ndarray:
    """Return which combinations are less diverse than ``wanted`` (``distinct``, ``entropy``, ``recursive``
    with ``c``). One in which no value is known tells nothing, and is diverse enough."""
    known = counts.sum(axis=1) > 0
    low = np.zeros(len(counts), bool)
    if "distinct" in wanted:
        low |= distinct(counts) < wanted["distinct"]
    if "entropy" in wanted:
        low |= entropy(counts) < wanted["entropy"] - 1e-9
    if "recursive" in wanted:
        low |= recursive(counts, wanted.get("c", 2)) < wanted["recursive"]
    return low & known
