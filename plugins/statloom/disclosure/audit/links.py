"""Which quantities are the same, although they stand in different tables, as far as the figures bear it out.

A denominator is used by many shares and is often a table of its own; what one share counts another leaves.
Whoever sees that all figures of both agree knows both.
"""

import numpy as np

from statloom.disclosure.audit.listing import Book, Quantity

# So many figures that agree, of which so many differ from each other, are no accident.
FIGURES, DIFFERENT = 5, 3


def same(
    book: Book,
    quantity: np.ndarray,
    cell: np.ndarray,
    release: np.ndarray,
    figure: np.ndarray,
    gap: np.ndarray,
) -> np.ndarray:
    """Return for each quantity the number of the quantity that stands for it.

    Arrays are over rows; ``cell`` is the key without the quantity. Two quantities that keep the same table
    apart are one when all figures agree that both show in a release: at least ``FIGURES`` of them with
    ``DIFFERENT`` values, or one where the description says that both mean the same. What the description
    calls by one name, and parts by further columns, is one unless figures differ. Only quantities with gaps
    are linked, and never two that a third stands between.
    """
    count = len(book.quantities)
    stands = np.arange(count)
    with_gaps = np.zeros(count, dtype=bool)
    with_gaps[quantity[gap]] = True
    shown = ~np.isnan(figure)
    place = np.full(count, -1)
    for members in _tables(book):
        if len(members) < 2 or not with_gaps[members].any():
            continue
        place[:] = -1
        place[members] = np.arange(len(members))
        rows = np.flatnonzero(shown & (place[quantity] >= 0))
        where = cell[rows] + release[rows].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        columns, where = np.unique(where, return_inverse=True)
        table = np.full((len(members), len(columns)), np.nan)
        table[place[quantity[rows]], where] = figure[rows]
        for cluster in _clusters([book.quantities[n] for n in members], table, with_gaps[members]):
            stands[members[cluster]] = members[min(cluster)]
    return stands


def _tables(book: Book) -> list[np.ndarray]:
    found: dict[str, list[int]] = {}
    for number, quantity in enumerate(book.quantities):
        found.setdefault(quantity.apart, []).append(number)
    return [np.array(members) for members in found.values()]


def _clusters(quantities: list[Quantity], table: np.ndarray, with_gaps: np.ndarray) -> list[list[int]]:
    """Return the quantities that are one: ``table`` has a row for each, with its figures."""
    differs, strong, weak = _compared(quantities, table, with_gaps)
    clusters = {number: [number] for number in range(len(quantities))}
    for one, other in (*strong, *weak):
        first, second = clusters[one], clusters[other]
        if first is second or differs[np.ix_(first, second)].any():
            continue
        first += second
        clusters |= dict.fromkeys(second, first)
    return [cluster for number, cluster in clusters.items() if number == min(cluster) and len(cluster) > 1]


def _compared(quantities, table, with_gaps) -> tuple[np.ndarray, list, list]:
    """Return which pairs differ somewhere; which agree; and which have one name and do not differ."""
    many = len(quantities)
    differs = np.zeros((many, many), dtype=bool)
    strong, weak = [], []
    there = np.isfinite(table)
    for one in range(many - 1):
        seen = np.flatnonzero(there[one])
        rest, both = table[one + 1 :, seen], there[one + 1 :, seen]
        off = (both & (np.abs(rest - table[one, seen]) > 1e-9)).any(axis=1)
        differs[one, one + 1 :] = differs[one + 1 :, one] = off
        common = both.sum(axis=1)
        for other in one + 1 + np.flatnonzero(~off):
            first, second = quantities[one], quantities[other]
            if not (with_gaps[one] or with_gaps[other]):
                continue
            if (first.base, first.role) == (second.base, second.role):
                weak.append((one, int(other)))
            if first.name == second.name or not common[other - one - 1]:
                continue
            told = bool(first.means) and first.means == second.means
            figures = table[one, seen][both[other - one - 1]]
            if told or (len(figures) >= FIGURES and len(np.unique(figures)) >= DIFFERENT):
                strong.append((one, int(other)))
    return differs, strong, weak
