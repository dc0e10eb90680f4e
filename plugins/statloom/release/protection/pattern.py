"""Choose which cells of the release to leave out, over all sums that link them."""

import os
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from statloom.disclosure import secondary
from statloom.disclosure.tables import Table, parts_of, within
from statloom.release.protection import sums
from statloom.release.protection.cells import NOW, PARTS, Figures
from statloom.release.protection.given_before import given_before

SECONDS = 60.0
"""At most so long the solver looks for a cheaper pattern; ``STATLOOM_PROTECTION_SECONDS`` sets another."""
GAP = 0.05
"""It stops when the pattern is proven within this share of the best: the same input then gives the same
pattern on any machine."""
FEW_SHARE = 0.1
"""How far a total of magnitudes from few respondents must be possible from its value, as a share of it."""


@dataclass(frozen=True)
class Chosen:
    """``left_out``: over the rows, which may not be shown. ``unprotected``: rows that nothing can protect,
    also of earlier releases; ``public``: those of them whose figures others show. ``given_before``: rows that
    earlier releases give away by themselves."""

    left_out: np.ndarray
    unprotected: np.ndarray
    public: np.ndarray
    given_before: np.ndarray


class System:
    """Unknowns (figures that are one and the same) and the equations between them."""

    def __init__(
        self,
        figures: Figures,
        parents: dict[str, str],
        divided: pd.DataFrame,
        signatures: dict[tuple[str, str, str], str],
    ) -> None:
        parts, rows = figures.parts, figures.rows
        self.rows, self.row = rows, parts["row"].to_numpy()
        self.part, amount = parts["part"].to_numpy(), parts["amount"].to_numpy()
        terms = sums.collect(figures, parents, divided)
        left, right = sums.across_series(figures, _made_of(figures, signatures), terms)
        self.unknown = _one_and_the_same(figures, left, right)
        size = int(self.unknown.max(initial=-1)) + 1
        self.value = np.zeros(size)
        self.value[self.unknown] = amount
        self.equations, missing = terms.matrix(self.unknown, amount)
        # What sums lack is never published, and stands in no row.
        self.is_missing = np.append(np.zeros(size, dtype=bool), np.ones(len(missing), dtype=bool))
        self.value = np.append(self.value, missing)
        size += len(missing)
        # Rows by the unknowns in them.
        self.holds = sparse.csr_array(
            (np.ones(len(parts)), (self.unknown, self.row)), shape=(size, len(rows))
        )
        count = rows["kind"].to_numpy() == "count"
        self.least = np.zeros(size)
        self.least[self.unknown] = np.where(
            count[self.row] | (self.part == PARTS.index("respondents")), 1.0, 0.0
        )
        self.amount = amount

    def unknowns_of(self, rows: np.ndarray) -> np.ndarray:
        """Return which unknowns stand in any of the ``rows`` (both masks)."""
        return self.holds @ rows.astype(float) > 0

    def rows_of(self, unknowns: np.ndarray) -> np.ndarray:
        """Return which rows hold any of the ``unknowns`` (both masks)."""
        return self.holds.T @ unknowns.astype(float) > 0

    def blocks(self) -> tuple[np.ndarray, ...]:
        """Return the unknowns of each place with those of its parts: one sum holds them together."""
        rows = self.rows
        whole = rows["parent_id"].where(rows["parent_id"].isin(set(rows["place_id"])))
        around = pd.concat([whole, rows["place_id"].where(rows["place_id"].isin(set(whole.dropna())))])
        frame = pd.DataFrame({"around": around.to_numpy(), "row": np.tile(np.arange(len(rows)), 2)}).dropna()
        merged = frame.merge(pd.DataFrame({"row": self.row, "unknown": self.unknown}), on="row")
        merged = merged[["around", "unknown"]].drop_duplicates().sort_values(["around", "unknown"])
        starts = np.flatnonzero(merged["around"].ne(merged["around"].shift()).to_numpy())[1:]
        return tuple(np.split(merged["unknown"].to_numpy(), starts)) if len(merged) else ()


def _made_of(figures: Figures, signatures: dict[tuple[str, str, str], str]) -> np.ndarray:
    """Return a number over the parts for what each is made of, -1 where that is not known."""
    names = {"value": "value", "numerator": "numerator", "denominator": "denominator"}
    kinds = figures.rows[["source_id", "series_code"]].drop_duplicates()
    listed = {
        (source, series, PARTS.index(part)): signatures.get((source, series, role))
        for source, series in kinds.itertuples(index=False)
        for part, role in names.items()
    }
    numbers = {text: number for number, text in enumerate(sorted({s for s in listed.values() if s}))}
    table = pd.Series({key: numbers.get(text, -1) for key, text in listed.items()}, dtype=int)
    row = figures.parts["row"].to_numpy()
    keys = pd.MultiIndex.from_arrays(
        [
            figures.rows["source_id"].to_numpy()[row],
            figures.rows["series_code"].to_numpy()[row],
            figures.parts["part"].to_numpy(),
        ]
    )
    return table.reindex(keys, fill_value=-1).to_numpy()


def _one_and_the_same(figures: Figures, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return over the parts the number of the unknown that each is.

    The same part of the same series, place, period and breakdown with the same amount is one unknown on
    whichever level, in whichever release it stands: anyone would take it for one. ``left`` and ``right`` are
    pairs that are one besides.
    """
    rows = figures.rows
    names = ["source_id", "series_code", "place_id", "period", "time_detail", *sums.DIMENSIONS]
    cell = np.zeros(len(rows), dtype=np.int64)
    for name in names:
        codes, known = pd.factorize(rows[name].astype(str))
        cell = np.unique(cell * len(known) + codes, return_inverse=True)[1].astype(np.int64)
    amount = np.unique(np.round(figures.parts["amount"].to_numpy(), 6), return_inverse=True)[1]
    key = cell[figures.parts["row"].to_numpy()] * len(PARTS) + figures.parts["part"].to_numpy()
    key = np.unique(key * (int(amount.max(initial=0)) + 1) + amount, return_inverse=True)[1]
    size = int(key.max(initial=-1)) + 1
    joined = sparse.coo_array((np.ones(len(left)), (key[left], key[right])), shape=(size, size))
    return connected_components(joined, directed=False)[1][key]


def choose(system: System, shown: np.ndarray, hidden: np.ndarray) -> Chosen:
    """Return what to leave out.

    Masks over the rows: ``shown`` whatever happens (public, or shown by an earlier release), ``hidden``
    whatever happens (they break a rule, are withheld, or were left out before). Only rows of the release in
    preparation that ``may_be_left_out`` are added.
    """
    rows = system.rows
    free = system.unknowns_of(shown)
    known = system.unknowns_of(shown & (rows["release"].to_numpy() != NOW))
    # A share's hidden row hides its empty part too; other zeros are published.
    zero = (system.value == 0) & ~free & system.unknowns_of(_with_zeros(system))
    choosable = rows["may_be_left_out"].to_numpy() & (rows["release"].to_numpy() == NOW) & ~shown
    hidden = hidden & ~shown
    weights, blocks = _weights(system, choosable), system.blocks()
    until = time.monotonic() + float(os.environ.get("STATLOOM_PROTECTION_SECONDS") or SECONDS)
    chosen, missed, met, before = (np.zeros(len(system.value), dtype=bool) for _ in range(4))
    still = np.zeros((2, len(system.value)))
    while True:
        _, rise, fall = _demands(system, hidden, free, zero)
        rise, fall = (np.where(before, far, need) for far, need in zip(still, (rise, fall), strict=True))
        primary = ((rise > 0) | (fall > 0)) & ~free
        left = system.unknowns_of(choosable & ~hidden)
        open_ = chosen | left | system.unknowns_of(hidden) | system.is_missing
        may = ~free & open_ & ((system.value != 0) | zero)
        # What stands in hidden rows alone is out.
        chosen |= may & ~left
        new = primary & may & ~met
        if not new.any():
            break
        parts = _linked(system.equations, may, new)
        asked = [int(new[part].sum()) for part in parts]
        for number, part in enumerate(parts):
            # Each by its share of what is asked; what one does not use the next may.
            seconds = (until - time.monotonic()) * asked[number] / sum(asked[number:])
            piece = _Piece(system, part, blocks)
            found = secondary.suppress(
                piece.table,
                piece.of(primary & may),
                rise=piece.of(rise),
                fall=piece.of(fall),
                free=piece.alone,
                keep=piece.of(chosen),
                zeros=piece.of(zero),
                least=piece.of(system.least),
                weights=piece.of(weights),
                time_limit=max(1.0, seconds),
                gap=GAP,
                workers=os.cpu_count() or 1,
            )
            chosen[part] |= found.suppressed[:-1]
            missed[part] = found.unprotected[:-1]
        met |= primary
        if (missed & ~before).any():
            others = ~known & ((system.value != 0) | system.unknowns_of(_with_zeros(system)))
            parts = _linked(system.equations, others, missed & ~before)
            down = np.maximum(system.value - system.least, 0.0)
            lost, further = given_before(system.equations, down, parts, missed & ~before, rise, fall)
            still[:, lost] = further[:, lost]
            before |= lost
            missed &= ~lost
            met &= ~lost
        hidden = hidden | (system.rows_of(chosen) & choosable)
    told = _demands(system, hidden, np.zeros_like(free), zero)[0] & free
    public = system.rows_of(told & ~known) & hidden
    unprotected = (system.rows_of(missed) & hidden) | public
    return Chosen(hidden, unprotected, public, system.rows_of(before | (told & known)) & hidden)


def _linked(equations: sparse.csr_array, may: np.ndarray, new: np.ndarray) -> list[np.ndarray]:
    """Return the unknowns (positions) that are linked to ``new`` ones by sums of others that ``may`` move,
    one array for each connected part, small ones first."""
    among = np.flatnonzero(may)
    component = parts_of(sparse.csr_array(equations[:, among]))
    wanted = np.flatnonzero(np.isin(component, np.unique(component[new[among]])))
    wanted = wanted[np.argsort(component[wanted], kind="stable")]
    starts = np.flatnonzero(np.diff(component[wanted])) + 1
    return sorted((among[part] for part in np.split(wanted, starts)), key=len)


class _Piece:
    """Some unknowns as a table of their own; its last cell is a published one that nothing is linked to.

    The solver asks what can be protected at all where something is published; the other published figures
    are left out of the piece, since nothing moves them.
    """

    def __init__(self, system: System, part: np.ndarray, blocks: tuple[np.ndarray, ...]) -> None:
        self._part = part
        inner = within(system.equations, part)
        inner.resize((inner.shape[0], len(part) + 1))
        place = np.full(len(system.value), -1)
        place[part] = np.arange(len(part))
        cut = [place[block][place[block] >= 0] for block in blocks]
        self.table = Table(
            pd.DataFrame(index=range(len(part) + 1)),
            np.append(system.value[part], 1.0),
            inner,
            tuple(block for block in cut if len(block)),
        )
        self.alone = np.zeros(len(part) + 1, dtype=bool)
        self.alone[-1] = True

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return what ``values`` say of the piece's cells."""
        return np.append(values[self._part], np.zeros(1, dtype=values.dtype))


def _with_zeros(system: System) -> np.ndarray:
    """Return the rows whose parts hide each other: shares that are not empty."""
    return system.rows["denominator"].fillna(0).gt(0).to_numpy()


def _weights(system: System, choosable: np.ndarray) -> np.ndarray:
    """Return what hiding each unknown costs: half of what each row that goes with it tells, its denominator
    or value; numerator and rest usually go together."""
    rows = system.rows
    worth = rows["denominator"].fillna(rows["value"]).abs().fillna(0).to_numpy() + 1.0
    return 0.5 * (system.holds.astype(bool).astype(float) @ np.where(choosable, worth, 0.0)) + 0.5


def _demands(
    system: System, hidden: np.ndarray, free: np.ndarray, zero: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which unknowns must be protected, how far above and how far below their value.

    In a hidden row a count from 1 to the threshold must be possible above it. So must a zero of a share: who
    does not know that it is one would take it for small. A total of magnitudes that breaks a rule must be
    possible as far as the rule says in both directions.
    """
    rows = system.rows
    threshold = np.maximum(rows["minimum_respondents"].to_numpy(dtype=float) - 1.0, 0.0)[system.row]
    magnitude = (rows["kind"].to_numpy() == "magnitude")[system.row] & (
        system.part != PARTS.index("respondents")
    )
    here, amount = hidden[system.row], system.amount
    count = here & ~magnitude & zero[system.unknown] | (
        here & ~magnitude & (amount > 0) & (amount <= threshold)
    )
    level = rows["protection_level"].to_numpy(dtype=float)[system.row]
    level = np.where(np.isnan(level), FEW_SHARE * np.abs(amount), level)
    total = here & magnitude & rows["is_primary"].to_numpy(dtype=bool)[system.row] & (amount != 0)
    rise, fall = np.zeros(len(system.value)), np.zeros(len(system.value))
    np.maximum.at(rise, system.unknown[count], np.maximum(threshold + 1.0 - amount, 1.0)[count])
    np.maximum.at(rise, system.unknown[total], level[total])
    np.maximum.at(fall, system.unknown[total], np.minimum(level, np.abs(amount))[total])
    primary = (rise > 0) | (fall > 0)
    return primary & ~free if free.any() else primary, rise, fall
