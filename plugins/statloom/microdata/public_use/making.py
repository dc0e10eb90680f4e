"""From the unit records in the vault to the tables of a public-use file."""

# ruff: noqa: S608  (names are quoted by statloom.contracts.conditions)

from dataclasses import dataclass, replace
from hashlib import shake_256

import numpy as np
import pyarrow as pa

from statloom.contracts.conditions import quoted
from statloom.contracts.model import Contract
from statloom.contracts.public_use import PublicUse
from statloom.microdata.public_use.errors import PublicUseError
from statloom.microdata.public_use.frequencies import MISSING
from statloom.microdata.public_use.layout import Layout
from statloom.microdata.public_use.loss import Loss, loss
from statloom.microdata.public_use.recoding import Variable, recode
from statloom.microdata.public_use.suppression import Suppression
from statloom.microdata.vault import Stored


@dataclass(frozen=True)
class Made:
    """The tables of a public-use file, by record, and what became of the unit records.

    ``losses``: one a variable; ``left_out``: rows of households that are too large; ``not_drawn``: rows that
    the sample has not; ``weights``: their sum in the vault and in the file.
    """

    tables: dict[str, pa.Table]
    losses: tuple[Loss, ...]
    rows: int
    left_out: int
    not_drawn: int
    weights: tuple[float, float] | None


def make(stored: Stored, contract: Contract, secret: bytes) -> Made:
    """Return the public-use file that ``contract`` declares, of one delivery in the vault.

    ``secret``: what numbers and the order of rows are drawn by; the same delivery, contract and secret give
    the same tables. Raises PublicUseError when it cannot be protected as declared.
    """
    public, layout = contract.public_use, Layout(contract)
    rows = _rows(stored, layout)
    if not rows.num_rows:
        raise PublicUseError(f"{contract.source}: there are no rows to make a public-use file of")
    try:
        return _made(rows, public, layout, secret)
    except PublicUseError as error:
        raise PublicUseError(f"{contract.source}: public_use: {error}") from None


def _rows(stored: Stored, layout: Layout) -> pa.Table:
    number = stored.contract.records[layout.record].number
    listed = ", ".join(map(quoted, dict.fromkeys(layout.read)))
    with stored.connect() as opened:
        return opened.sql(
            f"select {listed} from {quoted(layout.record)} order by {quoted(number)}"
        ).to_arrow_table()


def _made(rows: pa.Table, public: PublicUse, layout: Layout, secret: bytes) -> Made:
    of = _households(rows, layout)
    kept, left_out = _not_too_large(of, public)
    if public.sample is not None:
        kept, not_drawn = _drawn(of, kept, public.sample, secret)
    else:
        not_drawn = 0
    before = {name: recode(rows[name], layout.columns[name]) for name in public.listed}
    after = {
        name: recode(rows[name], layout.columns[name], public.recode.get(name)) for name in public.listed
    }
    before, after = ({n: v.take(kept) for n, v in each.items()} for each in (before, after))
    weights = rows[layout.weight].to_numpy()[kept] if layout.weight else None
    if not kept.any():
        raise PublicUseError("no rows are left")
    _, of = np.unique(of[kept], return_inverse=True)
    of, first = of.reshape(-1), np.unique(of, return_index=True)[1]
    _same_in_households(after, layout, of, first)
    protected = _protected(after, public, layout, of, first)
    tables, order = _tables(protected, public, layout, of, first, weights, secret)
    shown = tables[layout.of(layout.weight)][layout.weight] if layout.weight else None
    total = None
    if shown is not None:
        total = float(weights.sum()), _total(shown.to_numpy(), layout, of, order)
    losses = tuple(
        loss(
            before[name] if not layout.of_household(name) else before[name].take(first),
            after[name] if not layout.of_household(name) else after[name].take(first),
            protected[name] if not layout.of_household(name) else protected[name].take(first),
            record=layout.of(name),
            rule=public.recode.get(name),
        )
        for name in public.listed
    )
    return Made(tables, losses, rows.num_rows, left_out, not_drawn, total)


def _total(shown: np.ndarray, layout: Layout, of: np.ndarray, order: np.ndarray) -> float:
    """Return the sum of the published weights over the persons."""
    return float(shown[order[of]].sum() if layout.of_household(layout.weight) else shown.sum())


def _households(rows: pa.Table, layout: Layout) -> np.ndarray:
    """Return the household of each row as numbers from 0; without households, each row is its own."""
    if layout.household_column is None:
        return np.arange(rows.num_rows)
    column = rows[layout.household_column]
    if column.null_count:
        raise PublicUseError(f"{column.null_count} rows have no {layout.household_column}")
    codes = column.combine_chunks().dictionary_encode()
    return codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _not_too_large(of: np.ndarray, public: PublicUse) -> tuple[np.ndarray, int]:
    """Return which rows are of households that go out, and how many are not."""
    if public.largest_household is None:
        return np.ones(len(of), bool), 0
    kept = np.bincount(of)[of] <= public.largest_household
    return kept, int((~kept).sum())


def _drawn(of: np.ndarray, kept: np.ndarray, share: float, secret: bytes) -> tuple[np.ndarray, int]:
    """Return which rows are of households that were drawn at random, of those ``kept``."""
    there = np.unique(of[kept])
    wanted = max(1, round(share * len(there)))
    chosen = there[np.argsort(drawn(secret, "sample", len(there)), kind="stable")[:wanted]]
    drawn_ = kept & np.isin(of, chosen)
    return drawn_, int(kept.sum() - drawn_.sum())


def drawn(secret: bytes, purpose: str, count: int) -> np.ndarray:
    """Return ``count`` random numbers (uint64) that nobody can tell without ``secret``. Source: SHAKE256."""
    return np.frombuffer(shake_256(secret + purpose.encode()).digest(8 * count), "<u8")


def _same_in_households(
    variables: dict[str, Variable], layout: Layout, of: np.ndarray, first: np.ndarray
) -> None:
    for name, variable in variables.items():
        if layout.household is None or not layout.of_household(name):
            continue
        values = variable.coded().codes
        if differ := int((values != values[first][of]).sum()):
            raise PublicUseError(
                f"{name} is declared a variable of households, and {differ} rows differ from the first of it"
            )


def _protected(
    after: dict[str, Variable], public: PublicUse, layout: Layout, of: np.ndarray, first: np.ndarray
) -> dict[str, Variable]:
    """Return the variables after local suppression of keys."""
    keys = list(public.keys)
    codes = np.column_stack([after[name].coded().codes for name in keys])
    shared = [layout.household is not None and layout.of_household(name) for name in keys]
    # The last costs 1, the first 2, and a household's value as much as that of all its members.
    members = len(of) / len(first)
    worth = 2 - np.arange(len(keys)) / max(len(keys) - 1, 1)
    costs = worth * np.where(shared, members, 1)
    if layout.size is not None:
        # How many persons a household has is seen by counting its rows.
        codes = np.column_stack([codes, np.bincount(of)[of] - 1])
        shared, costs = [*shared, True], np.r_[costs, np.inf]
        theirs = np.flatnonzero(shared)
        households = Suppression(codes[first][:, theirs], costs[theirs])
        households.reach(public.k)
        codes[:, theirs] = households.codes[of]
    found = Suppression(codes, costs, shared, of)
    found.reach(public.k)
    for size, k in sorted(public.subsets.items()):
        found.reach_subsets(int(size), k, len(keys))
    # What makes one variable diverse may, by its entropy, make another less so.
    before = None
    while before is None or (len(public.sensitive) > 1 and (found.codes != before).any()):
        before = found.codes.copy()
        for name in public.sensitive:
            try:
                found.diversify(after[name].coded().codes, public.l)
            except PublicUseError as error:
                raise PublicUseError(f"{name}: {error}") from None
    made = dict(after)
    for i, name in enumerate(keys):
        gone = found.codes[:, i] == MISSING
        variable = after[name]
        made[name] = (
            replace(variable, codes=np.where(gone, MISSING, variable.codes).astype(np.int32))
            if variable.codes is not None
            else replace(variable, values=np.where(gone, np.nan, variable.values))
        )
    return made


def _tables(
    variables: dict[str, Variable],
    public: PublicUse,
    layout: Layout,
    of: np.ndarray,
    first: np.ndarray,
    weights: np.ndarray | None,
    secret: bytes,
) -> tuple[dict[str, pa.Table], np.ndarray]:
    """Return the tables with their rows in random order, and the new place of each household."""
    shuffled = np.argsort(drawn(secret, "households", len(first)), kind="stable")
    place = np.empty(len(first), np.int64)
    place[shuffled] = np.arange(len(first))
    if weights is not None:
        weights = _published(weights, public)
    tables = {}
    if layout.household is not None:
        listed = {layout.number(layout.household): pa.array(np.arange(1, len(first) + 1))}
        chosen = first[shuffled]
        for name in layout.own(layout.household):
            if name == layout.weight:
                listed[name] = pa.array(weights[chosen])
            else:
                listed[name] = variables[name].take(chosen).arrow()
        listed[layout.size] = pa.array(np.bincount(of)[shuffled])
        tables[layout.household] = pa.table(listed)
    order = np.lexsort((drawn(secret, "rows", len(of)), place[of]))
    listed = {layout.number(layout.record): pa.array(np.arange(1, len(of) + 1))}
    if layout.household is not None:
        listed[layout.number(layout.household)] = pa.array(place[of][order] + 1)
    for name in layout.own(layout.record):
        if name == layout.weight:
            listed[name] = pa.array(weights[order])
        else:
            listed[name] = variables[name].take(order).arrow()
    tables[layout.record] = pa.table(listed)
    return tables, place


def _published(weights: np.ndarray, public: PublicUse) -> np.ndarray:
    """Return the weights as they go out: of a sample higher, and rounded where that is declared."""
    if np.isnan(weights).any() or (weights <= 0).any():
        raise PublicUseError("a weight is missing, zero or negative")
    scaled = weights / (public.sample or 1)
    if public.weight_round:
        step = public.weight_round
        scaled = np.maximum(np.floor(scaled / step + 0.5), 1) * step
    return scaled
