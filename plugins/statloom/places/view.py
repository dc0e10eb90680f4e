"""The places of one level on one date, laid out so that many references are looked up at once.

Names are looked up by form within a block: all places of the view that lie in one ancestor, or the whole
view. Each name has a number in the vocabulary of its form; a block and a number make one key, and the keys
of all names are kept sorted.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from statloom.places.scoring import spellings, written

WHOLE = -1  # the block of all places of the view
ABOVE = -2  # among rivals: the block of all places of the levels above
PEERS = -3  # among rivals: the block of all places of this level and those above

# From the strongest to the weakest: form of the name, and whether the kind of unit must agree too.
TIERS = (
    ("folded", False),
    ("core", True),
    ("core", False),
    ("key", True),
    ("key", False),
    ("tokens", False),
)
SHORTEST_KEY = 3
KINDS_IN_KEY = 64


@dataclass(frozen=True)
class LookUp:
    """Sorted keys and the place of each."""

    keys: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, keys: np.ndarray, places: np.ndarray) -> "LookUp":
        """Make a look-up of keys (-1: no key) and places, each pair kept once."""
        size = int(places.max(initial=0)) + 1
        # Sorting is several times faster than np.unique here.
        pairs = np.sort(keys[keys >= 0] * size + places[keys >= 0])
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        return cls(pairs // size, pairs % size)

    def pairs(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return positions in ``wanted`` (keys, -1: none) and the places found for them, one pair each."""
        first = np.searchsorted(self.keys, wanted, "left")
        counts = np.where(wanted >= 0, np.searchsorted(self.keys, wanted, "right") - first, 0)
        rows = np.repeat(np.arange(len(wanted)), counts)
        steps = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, self.places[first[rows] + steps]


class View:
    """The places of ``level`` on ``date`` (days since 1970) in ``registry``, and all others as their
    rivals."""

    def __init__(self, registry, level: str, date: int) -> None:
        self.registry, self.level, self.date = registry, level, date
        self._rival_spellings = {}
        places = registry.places
        self.size = len(places)
        self.on_date = ((places["begins"] <= date) & (date < places["ends"])).to_numpy()
        self.is_member = self.on_date & (places["place_level"] == level).to_numpy()
        ancestors = registry.ancestors
        inside = ancestors[self.is_member[ancestors["position"]]]
        self.blocks = inside[["position", "ancestor"]]
        level_of = places["place_level"].to_numpy()
        steps = inside.assign(level=level_of[inside["ancestor"]]).groupby("level")["steps"].min()
        self.levels_above = list(steps.sort_values(kind="stable").index)

    @cached_property
    def names(self) -> pd.DataFrame:
        """Names of the members: the rows of the registry's names, ordered by place."""
        names = self.registry.names
        return names[self.is_member[names["position"]]]

    @cached_property
    def written(self) -> list[str]:
        """The cores of ``names`` as they are compared letter by letter."""
        return written(self.names["core"])

    def look_up(self, form: str, with_kind: bool) -> LookUp:
        """Return the look-up of members by form within blocks."""
        return self._member_look_ups[form, with_kind]

    @cached_property
    def _member_look_ups(self) -> dict[tuple[str, bool], LookUp]:
        whole = pd.DataFrame({"position": np.flatnonzero(self.is_member), "block": WHOLE})
        blocks = pd.concat([self.blocks.rename(columns={"ancestor": "block"}), whole], ignore_index=True)
        rows = self.names.merge(blocks, on="position")
        return {tier: self._of(rows, *tier) for tier in TIERS}

    @cached_property
    def rival_blocks(self) -> pd.DataFrame:
        """All that is no member, by block: columns ``position, block``. Rivals are places of other levels,
        and those that are not there on the date; a block has the places of the ancestor and of what it came
        from or became.
        """
        registry = self.registry
        others = np.flatnonzero(~self.is_member)
        above = registry.ancestors[~self.is_member[registry.ancestors["position"]]]
        own = pd.DataFrame({"position": others, "ancestor": others})
        family = pd.concat([above[["position", "ancestor"]], own], ignore_index=True)
        links = registry.descent
        either_way = pd.concat(
            [
                links.rename(columns={"before": "ancestor", "after": "block"}),
                links.rename(columns={"after": "ancestor", "before": "block"}),
            ]
        )
        related = family.merge(either_way, on="ancestor")[["position", "block"]].drop_duplicates()
        up = registry.ancestors.rename(columns={"position": "block", "ancestor": "higher"})
        above_related = related.merge(up, on="block")[["position", "higher"]]
        level_of = registry.places["place_level"].to_numpy()
        higher = others[np.isin(level_of[others], self.levels_above)]
        peers = others[np.isin(level_of[others], [*self.levels_above, self.level])]
        return pd.concat(
            [
                family.rename(columns={"ancestor": "block"}),
                related,
                above_related.rename(columns={"higher": "block"}),
                pd.DataFrame({"position": others, "block": WHOLE}),
                pd.DataFrame({"position": higher, "block": ABOVE}),
                pd.DataFrame({"position": peers, "block": PEERS}),
            ],
            ignore_index=True,
        ).drop_duplicates()

    @cached_property
    def rivals(self) -> dict[str, LookUp]:
        """Look-ups of the rivals within their blocks, by form."""
        rows = self.registry.names.merge(self.rival_blocks, on="position")
        return {form: self._of(rows, form, False) for form in ("folded", "core", "key")}

    def rival_spellings(self, blocks: tuple[int, ...]) -> tuple[list[str], list[str], np.ndarray]:
        """Return the distinct names of the rivals within ``blocks`` and above.

        They come as ``spellings``, and with the numbers of their cores.
        """
        if blocks not in self._rival_spellings:
            inside = np.concatenate([self._rivals_by_block.of(block) for block in (*blocks, ABOVE)])
            names = self.registry.names
            names = names.iloc[at_positions(names["position"].to_numpy(), inside)]
            names = names.drop_duplicates(["core", "key"])
            self._rival_spellings[blocks] = (*spellings(names), names["core_number"].to_numpy())
        return self._rival_spellings[blocks]

    def _of(self, rows: pd.DataFrame, form: str, with_kind: bool) -> LookUp:
        keys = self.keys(
            rows["block"].to_numpy(),
            rows[f"{form}_number"].to_numpy(),
            rows["kind_number"].to_numpy() if with_kind else None,
            form,
        )
        return LookUp.of(keys, rows["position"].to_numpy())

    def keys(
        self, blocks: np.ndarray, numbers: np.ndarray, kinds: np.ndarray | None, form: str
    ) -> np.ndarray:
        """Return the key of each block, name number and kind number; -1 where one is unknown."""
        size = len(self.registry.vocabulary[form])
        keys = (blocks.astype(np.int64) - PEERS) * size + numbers
        if kinds is not None:
            keys = np.where(kinds > 0, keys * KINDS_IN_KEY + kinds, -1)
        return np.where(numbers >= 0, keys, -1)

    def members_of(self, block: int) -> np.ndarray:
        """Return the positions of the members that lie in ``block``."""
        if block == WHOLE:
            return np.flatnonzero(self.is_member)
        return self._members_by_block.of(block)

    @cached_property
    def _members_by_block(self) -> "Grouped":
        return Grouped.of_frame(self.blocks["ancestor"], self.blocks["position"])

    @cached_property
    def _rivals_by_block(self) -> "Grouped":
        return Grouped.of_frame(self.rival_blocks["block"], self.rival_blocks["position"])


@dataclass(frozen=True)
class Grouped:
    """Positions by group."""

    groups: np.ndarray
    positions: np.ndarray

    @classmethod
    def of_frame(cls, groups: pd.Series, positions: pd.Series) -> "Grouped":
        """Group positions."""
        order = np.argsort(groups.to_numpy(), kind="stable")
        return cls(groups.to_numpy()[order], positions.to_numpy()[order])

    def of(self, group: int) -> np.ndarray:
        """Return the positions of one group."""
        first, last = np.searchsorted(self.groups, [group, group + 1])
        return self.positions[first:last]


def at_positions(ordered: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where the values ``wanted`` stand in ``ordered``, which is sorted, in that order."""
    wanted = np.unique(wanted)
    first = np.searchsorted(ordered, wanted, "left")
    counts = np.searchsorted(ordered, wanted, "right") - first
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + steps
