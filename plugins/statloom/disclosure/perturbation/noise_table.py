"""The perturbation table of the cell-key method: which noise a count gets, with which probability.

For every true count the distribution of the noise is the one of maximum entropy among those with mean zero, a
given variance, whole numbers of at most a given size, and no result that may not be shown. Sources: Marley
and Leaver (2011), A method for confidentialising user-defined tables; Giessing (2016), Computational issues
in the design of transition probabilities; Enderle, Giessing and Tent (2020), Calculation of risk
probabilities for the cell key method.
"""

from dataclasses import dataclass

import numpy as np

_NEAR = 1e-10
_STEPS = 200
_POSSIBLE = 1e-3  # probability from which on noise is to be reckoned with


@dataclass(frozen=True)
class NoiseTable:
    """``probability[i, v + largest]``: of noise ``v`` on the true count ``i``; the last row is that of all
    larger counts. ``variance``, ``largest`` and ``smallest`` as they were asked for."""

    probability: np.ndarray
    variance: float
    largest: int
    smallest: int

    @property
    def noise(self) -> np.ndarray:
        """The noise of each column: -largest to largest."""
        return np.arange(-self.largest, self.largest + 1)

    def look_up(self, count: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """Return the noise (whole numbers) for each ``count`` (whole, 0 or more) and ``draw`` in [0, 1)."""
        upper = np.cumsum(self.probability, axis=1)
        upper[:, -1] = 1.0
        row = np.minimum(np.asarray(count).astype(np.int64), len(upper) - 1)
        found = np.empty(len(row), dtype=np.int64)
        for which in np.unique(row):
            there = row == which
            found[there] = np.searchsorted(upper[which], np.asarray(draw)[there], side="right")
        return np.minimum(found, 2 * self.largest) - self.largest

    def reach(self, shown: int) -> tuple[int, int]:
        """Return the least and the largest true count of which 1 in 1 000 or more are shown as ``shown``."""
        counts = np.arange(max(0, shown - self.largest), shown + self.largest + 1)
        rows = np.minimum(counts, len(self.probability) - 1)
        possible = counts[self.probability[rows, shown - counts + self.largest] >= _POSSIBLE]
        return int(possible.min()), int(possible.max())


def noise_table(*, variance: float, largest: int, smallest: int = 1) -> NoiseTable:
    """Return the table for noise of ``variance`` and at most ``largest`` in size, with which no count from 1
    to ``smallest - 1`` is ever shown. Zero stays zero.

    Raises ValueError when no such distribution exists for some count, naming it and what would do.
    """
    if largest < 1 or smallest < 1 or not variance > 0:
        raise ValueError("noise has a variance above 0, a largest size of 1 or more, and a smallest count")
    evenly = largest * (largest + 1) / 3
    if variance > evenly:
        raise ValueError(
            f"a variance of {variance:g} is more than that of noise spread evenly from -{largest} to "
            f"{largest}, {evenly:g}: large noise would be likelier than small"
        )
    last = largest + smallest - (1 if smallest == 1 else 0)
    noise = np.arange(-largest, largest + 1)
    probability = np.zeros((last + 1, len(noise)))
    probability[0, largest] = 1.0
    for count in range(1, last + 1):
        shown = count + noise
        allowed = (shown == 0) | (shown >= smallest)
        try:
            probability[count, allowed] = _most_entropy(noise[allowed].astype(float), variance)
        except ValueError as error:
            raise ValueError(f"no noise for a count of {count}: {error}") from None
    return NoiseTable(probability, float(variance), largest, smallest)


def _most_entropy(support: np.ndarray, variance: float) -> np.ndarray:
    """Return the probabilities on ``support`` of maximum entropy with mean 0 and ``variance``.

    They are ``exp(a v + b v^2)`` up to a factor; ``a`` and ``b`` make the convex dual function least, which
    Newton's method finds. Raises ValueError when there are none.
    """
    if not (support.min() < 0 < support.max()):
        raise ValueError("every noise that is allowed goes in one direction")
    below, above = support[support < 0], support[support > 0]
    least = 0.0 if 0 in support else -below.max() * above.min()
    most = -below.min() * above.max()
    if not least < variance < most:
        raise ValueError(
            f"with mean 0 its variance lies between {least:g} and {most:g}, so it cannot be {variance:g}"
        )
    scale = np.abs(support).max()
    moments = np.stack([support / scale, (support / scale) ** 2])
    aim = np.array([0.0, variance / scale**2])

    def dual(at: np.ndarray) -> tuple[float, np.ndarray]:
        exponent = at @ moments
        top = exponent.max()
        weight = np.exp(exponent - top)
        return top + np.log(weight.sum()) - at @ aim, weight / weight.sum()

    at = np.zeros(2)
    height, found = dual(at)
    for _ in range(_STEPS):
        slope = moments @ found - aim
        if np.abs(slope).max() < _NEAR:
            return found
        spread = (moments * found) @ moments.T - np.outer(moments @ found, moments @ found)
        step = np.linalg.solve(spread + 1e-14 * np.eye(2), slope)
        length = 1.0
        while length > 1e-12:
            tried, probability = dual(at - length * step)
            if tried <= height - 1e-4 * length * (slope @ step) + 1e-15:
                break
            length /= 2
        at, height, found = at - length * step, tried, probability
    raise ValueError(f"its variance cannot be brought near enough to {variance:g}")
