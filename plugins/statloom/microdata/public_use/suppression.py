"""Local suppression: single values are left out until every combination of keys is frequent enough.

Leaving a value out only adds matches, for its own row and for all others. So a row that is rare can be dealt
with alone: the cheapest set of its keys without which enough rows match it. Sets are tried from the cheapest;
after each, what is still rare is counted anew, since what was left out in one row may match another.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from statloom.microdata.public_use import diversity
from statloom.microdata.public_use.errors import PublicUseError
from statloom.microdata.public_use.frequencies import MISSING, Combinations

_ROUNDS = 20


class Suppression:
    """The keys of a file, and what is left out of them.

    ``codes``: rows × keys (`frequencies`), changed in place. ``costs``: of leaving out one value of each key;
    infinite for one that always shows. ``shared``: keys that all rows of a household have in common: they are
    left out for the whole household, ``of_household`` (numbers from 0) of each row.
    """

    def __init__(
        self,
        codes: np.ndarray,
        costs: Sequence[float],
        shared: Sequence[bool] | None = None,
        of_household: np.ndarray | None = None,
    ) -> None:
        self.codes = codes
        self._costs = np.asarray(costs, float)
        self._shared = np.asarray(shared if shared is not None else [False] * codes.shape[1])
        self._of_household = of_household

    def reach(self, k: int, keys: Sequence[int] | None = None) -> None:
        """Leave values out until at least ``k`` rows match every row on ``keys`` (default: all).

        Raises PublicUseError when values that always show are too rare by themselves.
        """
        if len(self.codes) < k:
            raise PublicUseError(f"the file has {len(self.codes)} rows, fewer than k = {k}")
        keys = list(range(self.codes.shape[1])) if keys is None else list(keys)
        found, rare, rows = self._rare(keys, k)
        for chosen in self._sets(keys) if len(rare) else ():
            own = [keys.index(key) for key in chosen]
            while len(rare):
                asked = found.codes[rare]
                asked[:, own] = MISSING
                # Where nothing changes, nothing is gained.
                gains = (asked != found.codes[rare]).any(axis=1)
                gains[gains] = found.matched(asked[gains])[:, 0] >= k
                if not gains.any():
                    break
                candidates = rare[gains]
                taken = _first_of_each(asked[gains], k - rows[gains], found.amounts[candidates, 0])
                self._leave_out(np.isin(found.of_row, candidates[taken]), chosen)
                found, rare, rows = self._rare(keys, k)
        if len(rare):
            raise PublicUseError(
                f"{len(rare)} combinations of values that always show have fewer than k = {k} rows"
            )

    def reach_subsets(self, size: int, k: int, of: int) -> None:
        """Leave values out until at least ``k`` rows match every row on any ``size`` of the first ``of``
        keys."""
        for keys in combinations(range(of), size):
            self.reach(k, keys)

    def diversify(self, values: np.ndarray, wanted: Mapping[str, float]) -> None:
        """Leave keys out until the rows that match every row are as diverse as ``wanted``
        (`diversity.violated`) in a sensitive variable. ``values``: its codes, a row each.

        Raises PublicUseError when the file as a whole is not.
        """
        whole = np.bincount(values[values >= 0], minlength=1)[None, :]
        if diversity.violated(whole, wanted).any():
            raise PublicUseError("the file as a whole is not as diverse as declared")
        keys = list(range(self.codes.shape[1]))
        for _ in range(_ROUNDS):
            for chosen in [(), *self._sets(keys)]:
                found = Combinations(self.codes, values=values)
                low = np.flatnonzero(
                    (found.amounts[:, 0] > 0) & diversity.violated(found.matched()[:, 1:], wanted)
                )
                if not len(low):
                    return
                asked = found.codes[low]
                asked[:, list(chosen)] = MISSING
                better = ~diversity.violated(found.matched(asked)[:, 1:], wanted)
                better &= (asked != found.codes[low]).any(axis=1)
                if better.any():
                    self._leave_out(np.isin(found.of_row, low[better]), chosen)
        raise PublicUseError("no keys can be left out so that the file is as diverse as declared")

    def _rare(self, keys: list[int], k: int) -> tuple[Combinations, np.ndarray, np.ndarray]:
        """Return the combinations of ``keys``, those that fewer than ``k`` rows match, and how many."""
        found = Combinations(self.codes[:, keys])
        few = np.flatnonzero(found.amounts[:, 0] < k)
        rows = found.matched(found.codes[few])[:, 0] if len(few) else np.zeros(0)
        return found, few[rows < k], rows[rows < k]

    def _sets(self, keys: list[int]) -> list[tuple[int, ...]]:
        """Return the sets of ``keys`` that may be left out, the cheapest first."""
        open_ = [key for key in keys if np.isfinite(self._costs[key])]
        every = [chosen for size in range(1, len(open_) + 1) for chosen in combinations(open_, size)]
        return sorted(every, key=lambda chosen: (self._costs[list(chosen)].sum(), chosen))

    def _leave_out(self, rows: np.ndarray, chosen: Sequence[int]) -> None:
        own = [key for key in chosen if not self._shared[key]]
        self.codes[np.ix_(rows, own)] = MISSING
        shared = [key for key in chosen if self._shared[key]]
        if shared:
            hit = np.zeros(self._of_household.max() + 1, bool)
            hit[self._of_household[rows]] = True
            self.codes[np.ix_(hit[self._of_household], shared)] = MISSING


def _first_of_each(asked: np.ndarray, needs: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return which combinations have to go, of those that become the same as ``asked``: what goes matches the
    others afterwards, so that those in less need may stay."""
    _, group = np.unique(asked, axis=0, return_inverse=True)
    group = group.reshape(-1)
    order = np.lexsort((np.arange(len(group)), -needs, group))
    gained = np.cumsum(rows[order]) - rows[order]
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
    sizes = np.diff(np.r_[starts, len(group)])
    gained -= np.repeat(gained[starts], sizes)
    taken = np.zeros(len(group), bool)
    taken[order] = needs[order] > gained
    return taken
