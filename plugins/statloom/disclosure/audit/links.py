"""Which quantities are the same, although they stand in different tables, as far as the figures bear it out.

A denominator is used by many shares and is often a table of its own; what one share counts another leaves.
Whoever sees that all figures of both agree knows both.
"""

import numpy as np

from statloom.disclosure.audit.listing import Book

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
    apart are one when all figures agree that both show in a release, at least ``FIGURES`` of them with
    ``DIFFERENT`` values (one, where the description says that both mean the same), and no cell is shown with
    two. Only quantities with gaps are linked.
    """
    count = len(book.quantities)
    stands = np.arange(count)
    with_gaps = np.zeros(count, dtype=bool)
    with_gaps[quantity[gap]] = True
    shown = ~np.isnan(figure)
    for _, members in _tables(book).items():
        if len(members) < 2 or not with_gaps[members].any():
            continue
        agree = _agreeing(book, members, with_gaps, quantity, cell, release, figure, shown)
        for one, other in agree:
            first, second = sorted((_root(stands, one), _root(stands, other)))
            stands[second] = first
    return np.array([_root(stands, number) for number in range(count)])


def _root(stands: np.ndarray, number: int) -> int:
    while stands[number] != number:
        number = stands[number]
    return int(number)


def _tables(book: Book) -> dict[str, np.ndarray]:
    found: dict[str, list[int]] = {}
    for number, quantity in enumerate(book.quantities):
        found.setdefault(quantity.apart, []).append(number)
    return {apart: np.array(members) for apart, members in found.items()}


def _agreeing(book, members, with_gaps, quantity, cell, release, figure, shown) -> list[tuple[int, int]]:
    """Return the pairs of ``members`` whose figures agree."""
    place = np.full(len(book.quantities), -1)
    place[members] = np.arange(len(members))
    rows = np.flatnonzero(shown & (place[quantity] >= 0))
    where = cell[rows] + release[rows].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    column, where = np.unique(where, return_inverse=True)
    table = np.full((len(members), len(column)), np.nan)
    table[place[quantity[rows]], where] = figure[rows]
    found = []
    for one in range(len(members)):
        difference = table[one + 1 :] - table[one]
        both = np.isfinite(difference)
        agree = ~(both & (np.abs(difference) > 1e-9)).any(axis=1)
        for offset in np.flatnonzero(agree & (both.sum(axis=1) > 0)):
            other = one + 1 + offset
            first, second = book.quantities[members[one]], book.quantities[members[other]]
            if not (with_gaps[members[one]] or with_gaps[members[other]]) or (
                first.name == second.name and first.role != second.role
            ):
                continue
            values = np.unique(table[one][both[offset]])
            told = bool(first.means) and first.means == second.means
            if told or (both[offset].sum() >= FIGURES and len(values) >= DIFFERENT):
                found.append((int(members[one]), int(members[other])))
    return found
