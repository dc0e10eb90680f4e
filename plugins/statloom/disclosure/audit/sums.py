"""The sums in which left-out cells stand: over places, over categories, in every release."""

from dataclasses import dataclass, field

import numpy as np

from statloom.disclosure.audit import relations
from statloom.disclosure.audit.listing import OF_SUMS, REST, Book, factor
from statloom.disclosure.audit.unknowns import Unknowns

ROUNDS = 6
# A kind of sum is believed when so large a share of those holds of which every figure is published.
BELIEVED = 0.9
# With fewer published ones, those of all periods are asked.
EVIDENCE = 3


@dataclass
class Sums:
    """Sums over one dimension. Of the members: ``sum`` (in order), ``code``, ``sign``; of the sums:
    ``quantity``, ``family`` (what is believed together), ``kin`` (the same in all periods), ``believed``,
    ``empty`` (a member without a row is zero)."""

    sum: np.ndarray
    code: np.ndarray
    sign: np.ndarray
    quantity: np.ndarray
    family: np.ndarray
    kin: np.ndarray
    believed: np.ndarray
    empty: np.ndarray

    def __post_init__(self) -> None:
        self.start = np.searchsorted(self.sum, np.arange(len(self.quantity) + 1))

    def entries(self, quantity: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return for cells of ``quantity`` and ``code`` every membership: which cell, which member."""
        many = int(max(self.code.max(initial=0), code.max(initial=0))) + 1
        mine = self.quantity[self.sum].astype(np.int64) * many + self.code
        order = np.argsort(mine, kind="stable")
        asked = quantity.astype(np.int64) * many + code
        left = np.searchsorted(mine[order], asked, side="left")
        count = np.searchsorted(mine[order], asked, side="right") - left
        cell, place = _ranges(left, count)
        return cell, order[place]


@dataclass
class Equations:
    """``sum(sign * unknown) = 0``: the entries of all; ``believed``: of each, that it rests on a belief."""

    number: list[np.ndarray] = field(default_factory=list)
    unknown: list[np.ndarray] = field(default_factory=list)
    sign: list[np.ndarray] = field(default_factory=list)
    believed: list[np.ndarray] = field(default_factory=list)
    count: int = 0

    def add(self, number, unknown, sign, many: int, *, believed: bool) -> None:
        """Add ``many`` equations by their entries."""
        self.number.append(number + self.count)
        self.unknown.append(unknown)
        self.sign.append(np.asarray(sign, dtype=float))
        self.believed.append(np.full(many, believed))
        self.count += many


def of_release(
    book: Book,
    description: dict,
    listed: dict[int, list[list[tuple[str, list[str]]]]],
    unknowns: Unknowns,
    release: int,
    here: np.ndarray,
    equations: Equations,
) -> None:
    """Add the sums of one release that hold an open cell.

    ``listed``: by dimension, the sums of each file as (code, codes of its parts); ``here``: keys of the cells
    that the release has a row for. Cells that a sum needs and no row is about are added to ``unknowns``.
    """
    checked = description["sums"] == "checked"
    present = np.searchsorted(unknowns.key, here)
    additive = np.array([q.additive and q.role != REST for q in book.quantities], dtype=bool)
    quantities = np.unique(unknowns.quantity[present])
    quantities = quantities[additive[quantities]]
    by_dimension = {}
    for dimension, name in enumerate(book.dimensions):
        total = description["dimensions"][name].get("total")
        sums = _gather(
            book, dimension, listed.get(dimension, []), total, quantities, unknowns, present, checked
        )
        if sums is None:
            continue
        if checked:
            _believe(sums, dimension, unknowns, release)
            sums = relations.instead(sums, dimension, book, unknowns, release, present, total) or sums
        by_dimension[dimension] = sums
    wanted = np.zeros(len(book.quantities), dtype=bool)
    wanted[quantities] = True
    seeds = np.flatnonzero(wanted[unknowns.quantity])
    seeds = seeds[(unknowns.upper > unknowns.lower)[unknowns.at(release)[seeds]]]
    done = np.zeros(0, dtype=np.uint64)
    top = np.inf if description["absent"] == "unknown" else 0.0
    for _ in range(ROUNDS):
        fresh = []
        for dimension, sums in by_dimension.items():
            found = _instances(sums, dimension, unknowns, seeds, done, release)
            if found is None:
                continue
            instance, member, key, codes, quantity, marks = found
            done = np.concatenate([done, marks])
            absent = _look_up(unknowns.key, key) < 0
            if absent.any():
                new, first = np.unique(key[absent], return_index=True)
                unknowns.add(new, codes[absent][first], quantity[absent][first], top)
                fresh.append(new)
                # Seeds of this round are cells of before.
                seeds = seeds + np.searchsorted(
                    new, np.delete(unknowns.key, np.searchsorted(unknowns.key, new))[seeds]
                )
            cell = np.searchsorted(unknowns.key, key)
            equations.add(
                instance, unknowns.at(release)[cell], sums.sign[member], len(marks), believed=checked
            )
        if not fresh:
            return
        seeds = np.searchsorted(unknowns.key, np.unique(np.concatenate(fresh)))


def _gather(book, dimension, files, total, quantities, unknowns, present, checked) -> Sums | None:
    """Return the sums over one dimension of the quantities; none if there are none."""
    sums, codes, signs, owners, families = [], [], [], [], []
    occurring = np.unique(
        unknowns.quantity[present].astype(np.int64) * (1 << 32) + unknowns.codes[present, dimension]
    )
    owner, code = occurring >> 32, occurring & 0xFFFFFFFF
    number = 0
    for quantity in quantities:
        mine = code[owner == quantity]
        for file, pairs in enumerate(files):
            depth = _depths(pairs)
            alive = _alive(pairs, mine, book, dimension) if checked else None
            for whole, parts in pairs:
                chosen = [part for part in parts if alive is None or part in alive]
                if alive is not None and (whole not in alive or not chosen):
                    continue
                listed = [book.number(dimension, one) for one in (whole, *chosen)]
                sums.append(np.full(len(listed), number))
                codes.append(np.array(listed))
                signs.append(np.array([1.0, *[-1.0] * len(chosen)]))
                owners.append(quantity)
                families.append((quantity, file, depth[whole]))
                number += 1
        if total is not None:
            top = book.number(dimension, total)
            parts = mine[mine != top]
            if len(parts) and len(parts) < len(mine):
                sums.append(np.full(len(parts) + 1, number))
                codes.append(np.concatenate([[top], parts]))
                signs.append(np.concatenate([[1.0], np.full(len(parts), -1.0)]))
                owners.append(quantity)
                families.append((quantity, -1, 0))
                number += 1
    if not number:
        return None
    kin = [
        (book.quantities[quantity].base, book.quantities[quantity].role, *more)
        for quantity, *more in families
    ]
    return Sums(
        np.concatenate(sums),
        np.concatenate(codes),
        np.concatenate(signs),
        np.array(owners),
        _numbered(families),
        _numbered(kin),
        np.ones(number, dtype=bool),
        np.zeros(number, dtype=bool),
    )


def _numbered(names: list[tuple]) -> np.ndarray:
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([known[name] for name in names])


def _depths(pairs: list[tuple[str, list[str]]]) -> dict[str, int]:
    """Return how far below the top each sum's code stands."""
    above = {part: whole for whole, parts in pairs for part in parts}
    depths = {}
    for whole, _ in pairs:
        at, depth = whole, 0
        while at in above and depth < 50:
            at, depth = above[at], depth + 1
        depths[whole] = depth
    return depths


def _alive(pairs, mine: np.ndarray, book: Book, dimension: int) -> set[str]:
    """Return the codes that occur, or whose parts do."""
    alive = set(book.names(dimension)[mine])
    while True:
        more = {whole for whole, parts in pairs if whole not in alive and not alive.isdisjoint(parts)}
        if not more:
            return alive
        alive |= more


def _believe(sums: Sums, dimension: int, unknowns: Unknowns, release: int) -> None:
    """Set which sums are believed, family by family: those that nearly always hold where every figure of them
    is published, and those of which that is never so. Where sums hold although some of their cells have no
    row, such cells are empty.
    """
    at = unknowns.at(release)
    there = np.flatnonzero(np.isfinite(unknowns.upper[at]) | (unknowns.of_rows[at]))
    unknown = at[there]
    closed = np.isfinite(unknowns.upper[unknown])
    cell, member = sums.entries(unknowns.quantity[there], unknowns.codes[there, dimension])
    key = unknowns.key[there][cell] - sums.code[member].astype(np.uint64) * factor(dimension)
    key += sums.sum[member].astype(np.uint64) * OF_SUMS
    _, first, instance, many = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    of = sums.sum[member[first]]
    count = len(of)
    sign = sums.sign[member]
    low, high = unknowns.lower[unknown[cell]], unknowns.upper[unknown[cell]]
    least = np.bincount(instance, weights=np.where(sign > 0, low, -high), minlength=count)
    most = np.bincount(instance, weights=np.where(sign > 0, high, -low), minlength=count)
    size = np.bincount(instance, weights=np.where(closed[cell], np.abs(low), 0.0), minlength=count)
    slack = 1e-6 + 1e-9 * size
    holds = (least <= slack) & (most >= -slack)
    published = np.bincount(instance, weights=~closed[cell], minlength=count) == 0
    whole = np.bincount(instance, weights=sign > 0, minlength=count) > 0
    full = many == np.diff(sums.start)[of]
    # A sum with gaps bears nothing out, but it can be seen not to hold; without a row, at least when too much
    # is there.
    wrong = ~published & whole & np.where(full, ~holds, most < -slack)
    wrong |= published & whole & ~full & (most < -slack)
    partly = published & ~full & whole & (many > 1)
    for name, chosen, at_least in (("believed", (published & full) | wrong, 0), ("empty", partly, 1)):
        own, seen = _borne_out(sums.family, of[chosen], holds[chosen] & ~wrong[chosen])
        all_periods, anywhere = _borne_out(sums.kin, of[chosen], holds[chosen] & ~wrong[chosen])
        enough = np.where(seen >= EVIDENCE, own, all_periods)
        setattr(sums, name, enough & (anywhere >= at_least))


def _borne_out(group: np.ndarray, of: np.ndarray, holds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return over the sums whether those of its group hold, and how many are seen."""
    many = int(group.max()) + 1
    seen = np.bincount(group[of], minlength=many)
    held = np.bincount(group[of], weights=holds, minlength=many)
    return (held >= BELIEVED * seen)[group], seen[group]


def _instances(
    sums: Sums, dimension: int, unknowns: Unknowns, seeds: np.ndarray, done: np.ndarray, release: int
):
    """Return the sums in which the ``seeds`` stand and another known cell, by their entries: number of the
    sum, member of ``sums``, key, codes, quantity; and marks of the sums.

    Not those of cells that only later releases have: they are sums of these releases, with what is known of
    the other cells then.
    """
    cell, member = sums.entries(unknowns.quantity[seeds], unknowns.codes[seeds, dimension])
    fine = sums.believed[sums.sum[member]]
    cell, member = seeds[cell[fine]], member[fine]
    rest = unknowns.key[cell] - sums.code[member].astype(np.uint64) * factor(dimension)
    which = sums.sum[member]
    mark = rest + which.astype(np.uint64) * OF_SUMS + factor(dimension)
    mark, first = np.unique(mark, return_index=True)
    fresh = ~np.isin(mark, done)
    mark, first = mark[fresh], first[fresh]
    if not len(mark):
        return None
    rest, which, cell = rest[first], which[first], cell[first]
    instance, members = _ranges(sums.start[which], np.diff(sums.start)[which])
    key = rest[instance] + sums.code[members].astype(np.uint64) * factor(dimension)
    found = _look_up(unknowns.key, key)
    there = found >= 0
    later = there & (unknowns.first_release()[found] > release)
    kept = np.bincount(instance, weights=there, minlength=len(mark)) > 1
    kept &= np.bincount(instance, weights=later, minlength=len(mark)) == 0
    if not kept.any():
        return None
    number = np.cumsum(kept) - 1
    chosen = kept[instance] & (there | ~sums.empty[which[instance]])
    instance, members, key = instance[chosen], members[chosen], key[chosen]
    codes = unknowns.codes[cell[instance]].copy()
    codes[:, dimension] = sums.code[members]
    return number[instance], members, key, codes, unknowns.quantity[cell[instance]], mark[kept]


def _look_up(keys: np.ndarray, sought: np.ndarray) -> np.ndarray:
    """Return where each key stands, -1 where it does not."""
    where = np.minimum(np.searchsorted(keys, sought), len(keys) - 1)
    return np.where(keys[where] == sought, where, -1)


def _ranges(start: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each range its number, repeated, and the numbers in it."""
    owner = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    return owner, np.repeat(start, count) + within
