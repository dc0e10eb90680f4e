"""Which rows of which releases are about the same unknown, and the bounds that its rows give it.

A cell is one unknown through all releases until the files say otherwise: a published figure that differs
from the one before, or a row that says that it was revised, begins another. A left-out row in between is of
the unknown that was there before it.
"""

from dataclasses import dataclass

import numpy as np


@dataclass
class Unknowns:
    """``key``: of the cells (with their quantity), sorted; ``codes``, ``quantity``: of these.

    ``cell``, ``lower``, ``upper``, ``of_rows`` (some row is about it): of the unknowns, several for a cell
    that was revised. ``of_row``, ``cell_of_row``: of the rows. ``moments``: cell and release of each row, as
    one number and in order, with ``unknown_of_moment``.
    """

    key: np.ndarray
    codes: np.ndarray
    quantity: np.ndarray
    cell: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    of_row: np.ndarray
    cell_of_row: np.ndarray
    moments: np.ndarray
    unknown_of_moment: np.ndarray
    releases: int
    of_rows: np.ndarray

    def at(self, release: int) -> np.ndarray:
        """Return the unknown that each cell is in a release: as before where the release does not show it."""
        cells = np.arange(len(self.key))
        sought = np.searchsorted(self.moments, cells * self.releases + release, side="right") - 1
        first = np.searchsorted(self.moments, cells * self.releases)
        return self.unknown_of_moment[np.maximum(sought, first)]

    def first_release(self) -> np.ndarray:
        """Return over the cells the first release that has a row of each; 0 for those that none has."""
        first = np.searchsorted(self.moments, np.arange(len(self.key)) * self.releases)
        return self.moments[first] % self.releases

    def add(self, key: np.ndarray, codes: np.ndarray, quantity: np.ndarray, upper: float) -> None:
        """Add cells that no row is about, each an unknown of its own from 0 to ``upper``."""
        order = np.searchsorted(self.key, key)
        many, cells, unknowns = len(key), len(self.key), len(self.cell)
        moved = np.arange(cells) + np.searchsorted(key, self.key)
        fresh = order + np.arange(many)
        self.key = np.insert(self.key, order, key)
        self.codes = np.insert(self.codes, order, codes, axis=0)
        self.quantity = np.insert(self.quantity, order, quantity)
        self.cell = np.concatenate([moved[self.cell], fresh])
        self.cell_of_row = moved[self.cell_of_row]
        self.lower = np.concatenate([self.lower, np.zeros(many)])
        self.upper = np.concatenate([self.upper, np.full(many, upper)])
        self.of_rows = np.concatenate([self.of_rows, np.zeros(many, dtype=bool)])
        moments = np.concatenate(
            [
                moved[self.moments // self.releases] * self.releases + self.moments % self.releases,
                fresh * self.releases,
            ]
        )
        numbers = np.concatenate([self.unknown_of_moment, np.arange(unknowns, unknowns + many)])
        order = np.argsort(moments, kind="stable")
        self.moments, self.unknown_of_moment = moments[order], numbers[order]


def build(
    key: np.ndarray,
    codes: np.ndarray,
    quantity: np.ndarray,
    release: np.ndarray,
    figure: np.ndarray,
    half: np.ndarray,
    least: np.ndarray,
    revised: np.ndarray,
    releases: int,
    apart: np.ndarray,
) -> Unknowns:
    """Return the unknowns of all rows (arrays are over rows; ``least`` is what a left-out figure is at
    least). A cell whose key is among ``apart`` is another unknown in each release."""
    cells, first, cell = np.unique(key, return_index=True, return_inverse=True)
    moments, moment = np.unique(cell * releases + release, return_inverse=True)
    low = np.full(len(moments), -np.inf)
    high = np.full(len(moments), np.inf)
    there = ~np.isnan(figure)
    np.maximum.at(low, moment[there], (figure - half)[there])
    np.minimum.at(high, moment[there], (figure + half)[there])
    marked = np.zeros(len(moments), dtype=bool)
    marked[moment[revised]] = True
    of = moments // releases
    begins = np.concatenate([[True], of[1:] != of[:-1]]) if len(of) else np.zeros(0, dtype=bool)
    new = begins | marked | np.isin(cells[of], apart)
    # A figure is compared with the one shown last, unless a new unknown has begun since.
    number = np.arange(len(moments))
    shown = np.isfinite(low)
    last = np.maximum.accumulate(np.where(shown, number, -1))
    before = np.concatenate([[-1], last[:-1]]) if len(of) else last
    since = np.maximum.accumulate(np.where(new, number, 0))
    comparable = shown & ~new & (before >= since)
    differs = comparable & ((low > high[before] + 1e-9) | (high < low[before] - 1e-9))
    new |= differs
    unknown = np.cumsum(new) - 1
    count = int(unknown[-1]) + 1 if len(unknown) else 0
    of_row = unknown[moment]
    lower, upper = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(
        lower, of_row, np.where(there, np.where(half > 0, np.maximum(figure - half, 0.0), figure), least)
    )
    np.minimum.at(upper, of_row, np.where(there, figure + half, np.inf))
    return Unknowns(
        cells,
        codes[first],
        quantity[first],
        of[new],
        lower,
        upper,
        of_row,
        cell,
        moments,
        unknown,
        releases,
        np.ones(count, dtype=bool),
    )
