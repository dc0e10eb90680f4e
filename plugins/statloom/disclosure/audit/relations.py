"""What the categories of a code list have to do with each other, as far as the published figures show it.

Where the total is not the sum of all other categories (a code list within another, several answers at once),
the figures of places and periods in which everything is published tell which sums there are: they all
satisfy them.
"""

import numpy as np

from statloom.disclosure.audit.listing import Book, factor
from statloom.disclosure.audit.unknowns import Unknowns

# So many more tables than there are categories must agree.
SPARE = 3
LARGEST = 120


def instead(sums, dimension: int, book: Book, unknowns: Unknowns, release: int, present: np.ndarray, total):
    """Return ``sums`` with what holds in place of sums to a total that do not; None if there is nothing."""
    if total is None:
        return None
    top = book.number(dimension, total)
    added = []
    for number in np.flatnonzero(~sums.believed):
        members = slice(sums.start[number], sums.start[number + 1])
        codes = sums.code[members]
        if top not in codes or len(codes) > LARGEST:
            continue
        for relation in _found(codes, int(sums.quantity[number]), dimension, unknowns, release, present):
            used = relation != 0
            added.append((int(sums.quantity[number]), codes[used], relation[used]))
    if not added:
        return None
    many = len(sums.quantity)
    family = int(sums.family.max()) + 1
    return type(sums)(
        np.concatenate([sums.sum, *[np.full(len(codes), many + n) for n, (_, codes, _) in enumerate(added)]]),
        np.concatenate([sums.code, *[codes for _, codes, _ in added]]),
        np.concatenate([sums.sign, *[signs for *_, signs in added]]),
        np.concatenate([sums.quantity, [quantity for quantity, *_ in added]]),
        np.concatenate([sums.family, family + np.arange(len(added))]),
        np.concatenate([sums.kin, int(sums.kin.max()) + 1 + np.arange(len(added))]),
        np.concatenate([sums.believed, np.ones(len(added), dtype=bool)]),
        np.concatenate([sums.empty, np.zeros(len(added), dtype=bool)]),
    )


def _found(codes, quantity, dimension, unknowns, release, present) -> list[np.ndarray]:
    """Return sums with factors 1 and -1 over ``codes`` that hold wherever all of them are published."""
    mine = present[unknowns.quantity[present] == quantity]
    at = unknowns.at(release)[mine]
    lower, upper = unknowns.lower[at], unknowns.upper[at]
    mine, figure = mine[lower == upper], lower[lower == upper]
    place = np.full(int(unknowns.codes[:, dimension].max()) + 1, -1)
    place[codes] = np.arange(len(codes))
    column = place[unknowns.codes[mine, dimension]]
    rest = unknowns.key[mine] - unknowns.codes[mine, dimension].astype(np.uint64) * factor(dimension)
    _, row = np.unique(rest, return_inverse=True)
    table = np.full((int(row.max(initial=-1)) + 1, len(codes)), np.nan)
    table[row[column >= 0], column[column >= 0]] = figure[column >= 0]
    table = np.unique(table[np.isfinite(table).all(axis=1)], axis=0)
    table = table[(table != 0).any(axis=1)]
    if len(table) < 2:
        return []
    scale = np.abs(table).max()
    reduced, pivots = _echelon(table / scale)
    if len(table) < len(pivots) + SPARE:
        return []
    free = [number for number in range(len(codes)) if number not in pivots]
    found = []
    for number in free:
        relation = np.zeros(len(codes))
        relation[number] = 1.0
        relation[pivots] = -reduced[: len(pivots), number]
        rounded = np.round(relation)
        close = np.abs(relation - rounded).max() < 1e-6 and np.abs(rounded).max() <= 1
        if close and np.abs(table @ rounded).max() <= 1e-9 * scale and (rounded != 0).sum() > 1:
            found.append(rounded)
    return found


def _echelon(table: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Return the reduced row echelon form and its pivot columns; later columns are pivots first, so that
    what is known by others stands before them."""
    work = table.copy()
    pivots: list[int] = []
    row = 0
    for column in range(work.shape[1] - 1, -1, -1):
        if row == len(work):
            break
        best = row + int(np.abs(work[row:, column]).argmax())
        if abs(work[best, column]) < 1e-9:
            continue
        work[[row, best]] = work[[best, row]]
        work[row] /= work[row, column]
        others = np.arange(len(work)) != row
        work[others] -= np.outer(work[others, column], work[row])
        pivots.append(column)
        row += 1
    return work, pivots
