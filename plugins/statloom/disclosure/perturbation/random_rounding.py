"""Random rounding: each figure goes to one of the two neighbouring multiples of a base, without bias."""

from collections.abc import Sequence

import numpy as np

from statloom.disclosure.perturbation import keyed

BASES = (3, 5)


def random_rounding(value: Sequence[float], identity: Sequence[str], *, base: int, key: bytes) -> np.ndarray:
    """Return ``value`` (counts, one a cell) rounded to multiples of ``base``.

    A count ``a`` with the remainder ``r = a mod base`` goes up with probability ``r / base``, else down, so
    that its expectation is ``a``. Multiples stay what they are, zero among them; missing figures (NaN) stay
    missing. The draw is the HMAC of ``identity`` and value under ``key``: the same cell with the same figure
    gets the same result in every table and release. Sums are rounded on their own and need not add up.

    Raises ValueError for another base than 3 or 5, a negative or infinite figure, or lengths that differ.
    Source: Fellegi (1975), Controlled random rounding; Hundepool et al. (2012), section 5.4.
    """
    checked(base)
    given = np.asarray(value, dtype=float)
    if given.shape != (len(identity),):
        raise ValueError(f"{len(given)} figures and {len(identity)} identities")
    if np.any(given < 0) or np.any(np.isinf(given)):
        raise ValueError("only counts are rounded: a figure is negative or infinite")
    below = np.floor(given / base) * base
    up = (given - below) / base
    open_ = np.flatnonzero(up > 0)
    texts = keyed.with_value([identity[cell] for cell in open_], given[open_])
    draw = keyed.uniform(keyed.derived(key, "random rounding"), texts)
    rounded = below
    rounded[open_] += np.where(draw < up[open_], base, 0)
    return rounded


def checked(base: int) -> int:
    """Return ``base``; raises ValueError unless it is 3 or 5."""
    if base not in BASES:
        raise ValueError(f"base {base!r}: figures are rounded to base {' or '.join(map(str, BASES))}")
    return base
