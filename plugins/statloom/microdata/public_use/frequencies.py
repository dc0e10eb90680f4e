"""How many rows share a combination of key values, where a missing value matches every value.

Keys are codes: an array of rows × keys, 0 and above for categories, ``MISSING`` for a missing value. Two rows
match when on each key they are equal or one of them is missing there. This is how ``freqCalc`` of sdcMicro
counts (its ``alpha`` 1, the default): M. Templ, Statistical Disclosure Control for Microdata (2017), 3.2.3.
"""

import math
from collections.abc import Sequence

import numpy as np

MISSING = -1
_LARGEST = 2**62


def matched(asked: np.ndarray, codes: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Return for each row of ``asked`` the sums of ``amounts`` over the rows of ``codes`` that match it.

    ``asked``: rows × keys; ``codes``: other rows × the same keys; ``amounts``: those rows × amounts, float64.
    Each pattern of missing keys is compared with each other once, by sorting.
    """
    asked, codes = np.atleast_2d(asked), np.atleast_2d(codes)
    sums = np.zeros((len(asked), amounts.shape[1]))
    mine, theirs = _patterns(asked), _patterns(codes)
    for pattern in np.unique(theirs):
        rows = theirs == pattern
        held, added = codes[rows], amounts[rows]
        projected: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for own in np.unique(mine):
            left = [key for key in range(codes.shape[1]) if not (int(own) | int(pattern)) >> key & 1]
            wanted = np.flatnonzero(mine == own)
            if not left:
                sums[wanted] += added.sum(axis=0)
                continue
            union = int(own) | int(pattern)
            if union not in projected:
                projected[union] = _summed(held[:, left], added)
            groups, totals = projected[union]
            found, there = _positions(asked[wanted][:, left], groups)
            sums[wanted[there]] += totals[found[there]]
    return sums


class Combinations:
    """The different combinations of keys among the rows of a file, and what is known of each.

    ``codes``: combinations × keys; ``amounts``: combinations × amounts: the number of rows, the sum of
    ``weights`` where they are given, and the rows that have each of ``values`` (codes of another variable)
    where they are given; ``of_row``: which combination each row has.
    """

    def __init__(
        self, codes: np.ndarray, *, weights: np.ndarray | None = None, values: np.ndarray | None = None
    ) -> None:
        self.codes, self.of_row = distinct(codes)
        count = len(self.codes)
        amounts = [np.bincount(self.of_row, minlength=count)]
        if weights is not None:
            amounts.append(np.bincount(self.of_row, weights, count))
        if values is not None:
            width = int(values.max(initial=0)) + 1
            known = values >= 0
            pairs = self.of_row[known] * width + values[known]
            amounts.extend(np.bincount(pairs, minlength=count * width).reshape(count, width).T)
        self.amounts = np.column_stack(amounts).astype(float)

    def matched(self, asked: np.ndarray | None = None) -> np.ndarray:
        """Return the sums of amounts that match each combination, or each row of ``asked``."""
        there = self.amounts[:, 0] > 0
        wanted = self.codes if asked is None else asked
        return matched(wanted, self.codes[there], self.amounts[there])


def frequencies(codes: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row of ``codes`` (rows × keys) how many rows match it, itself included, and the sum of
    their weights: ``fk`` (integers) and ``Fk`` (without weights the same). Source: `matched`.
    """
    found = Combinations(codes, weights=weights)
    sums = found.matched()[found.of_row]
    fk = np.rint(sums[:, 0]).astype(np.int64)
    return fk, sums[:, 1] if weights is not None else fk.astype(float)


def distinct(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different rows of ``codes``, sorted, and which of them each row is."""
    if not codes.shape[1]:
        return codes[:1], np.zeros(len(codes), np.int64)
    sizes = [int(codes[:, key].max(initial=MISSING)) + 2 for key in range(codes.shape[1])]
    room = math.prod(sizes)
    if room > 2 * len(codes):
        _, first, of_row = np.unique(_numbered(codes, sizes), return_index=True, return_inverse=True)
        return codes[first], of_row.reshape(-1)
    # Few possible combinations: marking them spares sorting the rows.
    numbers = _numbered(codes, sizes)
    there = np.zeros(room, bool)
    there[numbers] = True
    found = np.column_stack(np.unravel_index(np.flatnonzero(there), sizes)) - 1
    return found.astype(codes.dtype), (np.cumsum(there) - 1)[numbers]


def _patterns(codes: np.ndarray) -> np.ndarray:
    """Return which keys of each row are missing, as bits."""
    bits = np.left_shift(np.int64(1), np.arange(codes.shape[1], dtype=np.int64))
    return (codes == MISSING) @ bits if codes.shape[1] else np.zeros(len(codes), np.int64)


def _numbered(codes: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Return one number a row, the same for the same codes and in their order. ``sizes``: of each key, one
    more than its codes, for what is missing."""
    numbers = np.zeros(len(codes), np.int64)
    room = 1
    for key in range(codes.shape[1]):
        size = sizes[key]
        if room * size > _LARGEST:
            values, numbers = np.unique(numbers, return_inverse=True)
            numbers, room = numbers.reshape(-1), len(values)
        numbers = numbers * size + codes[:, key] + 1
        room *= size
    return numbers


def _summed(codes: np.ndarray, amounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different rows of ``codes``, and the sums of ``amounts`` of each."""
    groups, of_row = distinct(codes)
    totals = [np.bincount(of_row, column, len(groups)) for column in amounts.T]
    return groups, np.column_stack(totals)


def _positions(asked: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each row of ``asked`` stands among the sorted rows ``groups``, and whether it does."""
    highest = np.maximum(asked.max(axis=0, initial=MISSING), groups.max(axis=0, initial=MISSING))
    sizes = [int(code) + 2 for code in highest]
    if math.prod(sizes) < _LARGEST:
        wanted, known = (_numbered(each, sizes) for each in (asked, groups))
    else:
        both = _numbered(np.concatenate([asked, groups]), sizes)
        wanted, known = both[: len(asked)], both[len(asked) :]
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return at, known[at] == wanted
