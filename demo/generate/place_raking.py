"""Weights of divided villages that meet published totals: raking (iterative proportional fitting)."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

ROUNDS = 3000
# What is left of a village in a unit below this share is no link.
SMALLEST = 0.0005


def raked(links: pd.DataFrame, villages: pd.Series, units: pd.Series) -> pd.Series:
    """Return the weights nearest to the shares of area with which the units' totals are met.

    ``links`` has ``vdc, unit, share`` (adds up to 1 for a village); ``villages`` and ``units`` are the counts
    by code. The result adds up to 1 for each village, whatever the totals; a village without a count keeps
    its shares, and a unit without a total takes what comes. Where a group of linked villages and units has
    fewer than was published, a village is in no table, and its neighbours must not be bent to make up for it:
    there a total is only an upper limit. Where the totals contradict the links, what is met is as near as it
    gets.
    Deming and Stephan (1940), On a least squares adjustment of a sampled frequency table.
    """
    divided = links["unit"].groupby(links["vdc"]).transform("size") > 1
    if not divided.any():
        return links["share"]
    group = pd.Series(groups(links), index=links.index)
    part = links[group.isin(group[divided])]
    group = group[part.index].to_numpy()
    row, rows = pd.factorize(part["vdc"])
    column, columns = pd.factorize(part["unit"])
    have = villages.reindex(rows).fillna(0).to_numpy(dtype=float)
    want = units.reindex(columns).to_numpy(dtype=float)
    group_of_row, group_of_column = (np.zeros(len(names), dtype=int) for names in (rows, columns))
    group_of_row[row], group_of_column[column] = group, group
    size = group.max() + 1
    is_short = np.bincount(group_of_column, want, size) > np.bincount(group_of_row, have, size)
    is_limit = is_short[group_of_column]
    is_known = np.isfinite(want)

    amount = part["share"].to_numpy() * have[row]
    for _ in range(ROUNDS):
        ratio = _ratio(want, np.bincount(column, amount, len(columns)))
        ratio = np.where(is_limit, np.minimum(ratio, 1), ratio)
        amount = amount * np.where(is_known, ratio, 1)[column]
        amount = amount * _ratio(have, np.bincount(row, amount, len(rows)))[row]
    weight = np.where(have[row] > 0, amount * _ratio(1, have)[row], part["share"])
    weight = pd.Series(weight, index=part.index)
    weight = weight.where(weight >= SMALLEST, 0)
    weight = weight / weight.groupby(part["vdc"]).transform("sum")
    return weight.reindex(links.index).fillna(links["share"])


def groups(links: pd.DataFrame) -> np.ndarray:
    """Return a number for each link: that of the group of villages and units that hang together."""
    row, rows = pd.factorize(links["vdc"])
    column, columns = pd.factorize(links["unit"])
    size = len(rows) + len(columns)
    graph = coo_matrix((np.ones(len(links)), (row, column + len(rows))), shape=(size, size))
    return connected_components(graph, directed=False)[1][row]


def _ratio(above, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.ones_like(below, dtype=float), where=below > 0)
