"""The sums between figures that anyone can work out: over places, breakdowns, and the parts of a share.

Every sum that the true figures bear out is an equation, whether or not it is meant: more equations than the
public knows of make the protection stronger, never weaker. Where a whole is more than its parts (some are
missing), the parts are known to be at most the whole. Where it is less, categories overlap, or the figures
contradict each other, and nothing follows.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from statloom.release.columns import DIMENSIONS
from statloom.release.protection.cells import PARTS, Figures
from statloom.release.protection.relations import relations

TOTAL = "_T"
TOLERANCE = 1e-6
_SLICE = ("source_id", "series_code", "part", "source_level", "release", "period", "time_detail")


@dataclass
class Terms:
    """Terms of sums, collected piece by piece: which equation, which part of a cell, with which factor."""

    pieces: list[pd.DataFrame]
    count: int = 0

    def add(
        self, equation: np.ndarray, position: np.ndarray, factor: np.ndarray, *, is_sum: bool = False
    ) -> None:
        """Add terms; ``equation`` tells those of one call apart, in any numbers. ``is_sum``: of a whole (+1)
        and its parts (-1), of which some may be missing."""
        if len(equation):
            number, known = pd.factorize(equation)
            piece = {
                "equation": number + self.count,
                "position": position,
                "factor": np.asarray(factor, float),
            }
            self.pieces.append(pd.DataFrame(piece | {"is_sum": is_sum}))
            self.count += len(known)

    def matrix(self, unknown: np.ndarray, amount: np.ndarray) -> tuple[sparse.csr_array, np.ndarray]:
        """Return the equations that hold over the unknowns, and what is missing from sums.

        ``unknown`` and ``amount`` are over the parts of cells. Where a whole is more than its parts, the
        parts are at most the whole, which tells something too: the difference is one more unknown, a column
        after the others. Returned are the equations and the differences.
        """
        size = int(unknown.max(initial=-1)) + 1
        if not self.pieces:
            return sparse.csr_array((0, size)), np.empty(0)
        terms = pd.concat(self.pieces, ignore_index=True)
        value = terms["factor"].to_numpy() * amount[terms["position"].to_numpy()]
        equation = terms["equation"].to_numpy()
        difference = np.bincount(equation, value, self.count)
        close = TOLERANCE * np.maximum(1.0, np.bincount(equation, np.abs(value), self.count))
        is_sum = np.zeros(self.count, dtype=bool)
        is_sum[equation] = terms["is_sum"].to_numpy()
        difference[np.abs(difference) <= close] = 0.0
        used = (difference == 0) | (is_sum & (difference > 0))
        matrix = sparse.csr_array(
            (terms["factor"].to_numpy(), (equation, unknown[terms["position"].to_numpy()])),
            shape=(self.count, size),
        )
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        kept = _different(matrix, used)
        matrix, missing = sparse.csr_array(matrix[kept]), difference[kept]
        short = np.flatnonzero(missing)
        more = sparse.csr_array(
            (-np.ones(len(short)), (short, np.arange(len(short)))), shape=(len(kept), len(short))
        )
        return sparse.csr_array(sparse.hstack([matrix, more])), missing[short]


def _different(matrix: sparse.csr_array, used: np.ndarray) -> np.ndarray:
    """Return which of the ``used`` rows to keep: not empty, and each once, whatever its sign."""
    rows = np.flatnonzero(used & (np.diff(matrix.indptr) > 0))
    # A row's mark: the sum of its cells' random numbers. Equal rows have equal marks, others do not.
    mark = matrix[rows] @ np.random.default_rng(1).standard_normal((matrix.shape[1], 2))
    mark = np.round(mark * np.where(mark[:, :1] < 0, -1.0, 1.0), 9)
    return rows[np.sort(np.unique(mark, axis=0, return_index=True)[1])]


def collect(figures: Figures, parents: dict[str, str], divided: pd.DataFrame) -> Terms:
    """Return the terms of all sums within the figures of each release, and between places that were divided.

    Positions are those of ``figures.parts``.
    """
    parts = _described(figures)
    terms = Terms([])
    _of_shares(parts, terms)
    _over_places(parts, parents, terms)
    # A district's own figure is also the sum of what its villages report themselves.
    own = parts.assign(
        slice=_group(parts, (*(name for name in _SLICE if name != "source_level"), "breakdown"))
    )
    own = own.sort_values(["slice", "place", "is_own"], ascending=[True, True, False], kind="stable")
    _over_places(own.drop_duplicates(["slice", "place"]), parents, terms)
    for dimension in DIMENSIONS:
        if parts[dimension].nunique() > 1:
            _over_dimension(parts, dimension, terms)
    _over_divided(parts, divided, terms)
    return terms


def _described(figures: Figures) -> pd.DataFrame:
    """Return the parts with what their rows say, in numbers; the index is the position."""
    rows = figures.rows
    columns = [name for name in (*_SLICE, "place_vintage", *DIMENSIONS) if name != "part"]
    coded = pd.DataFrame({name: pd.factorize(rows[name].astype(str))[0] for name in columns})
    for name in DIMENSIONS:
        values = rows[name].astype(str)
        codes, known = pd.factorize(values)
        total = np.flatnonzero(known == TOTAL)
        # The total is 0, the others follow.
        order = np.arange(1, len(known) + 1)
        order[total] = 0
        coded[name] = order[codes]
    coded["is_own"] = rows["source_level"].eq(rows["place_level"])
    coded["place"] = rows["place_id"]
    coded["parent"] = rows["parent_id"]
    parts = coded.take(figures.parts["row"].to_numpy()).reset_index(drop=True)
    parts["part"] = figures.parts["part"].to_numpy()
    parts["row"] = figures.parts["row"].to_numpy()
    parts["amount"] = figures.parts["amount"].to_numpy()
    parts["breakdown"] = _group(parts, DIMENSIONS)
    parts["slice"] = _group(parts, (*_SLICE, "breakdown"))
    return parts


def _group(frame: pd.DataFrame, columns) -> np.ndarray:
    """Return one number for each combination of ``columns``, which hold small numbers."""
    key = np.zeros(len(frame), dtype=np.int64)
    for name in columns:
        values = frame[name].to_numpy()
        width = int(values.max(initial=0)) + 1
        if width > 1:
            key = np.unique(key * width + values, return_inverse=True)[1].astype(np.int64)
    return key


def _of_shares(parts: pd.DataFrame, terms: Terms) -> None:
    """Numerator and rest make the denominator."""
    signs = np.zeros(len(PARTS))
    signs[[PARTS.index("numerator"), PARTS.index("rest")]] = -1.0
    signs[PARTS.index("denominator")] = 1.0
    factor = signs[parts["part"].to_numpy()]
    used = np.flatnonzero(factor)
    terms.add(parts["row"].to_numpy()[used], used, factor[used])


def _over_places(parts: pd.DataFrame, parents: dict[str, str], terms: Terms) -> None:
    """A place's parts make the nearest place around them that has a figure, those of each vintage alone.

    ``parts``: at most one for each place of a ``slice``; the index is the position.
    """
    position = parts.index.to_numpy()
    known = pd.Index(
        pd.unique(pd.concat([parts["place"], parts["parent"].dropna(), pd.Series(parents).astype(object)]))
    )
    known = known.union(pd.Index(list(parents), dtype=object), sort=False)
    above = known.get_indexer(
        pd.Series(known.map(parents), dtype=object).where(lambda place: place.notna(), "\0")
    )
    place = known.get_indexer(parts["place"])
    up = known.get_indexer(parts["parent"].fillna("\0"))
    up = np.where(up >= 0, up, above[place])
    width, piece = len(known), parts["slice"].to_numpy()
    here = piece * width + place
    order = np.argsort(here, kind="stable")
    sorted_here = here[order]

    def at(cells: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return the position of the figure of each place, -1 without one."""
        wanted = piece[cells] * width + places
        found = np.minimum(np.searchsorted(sorted_here, wanted), len(sorted_here) - 1)
        return np.where((places >= 0) & (sorted_here[found] == wanted), order[found], -1)

    cells, around = np.arange(len(parts)), up.copy()
    whole = np.full(len(parts), -1)
    for _ in range(12):
        cells = cells[around[cells] >= 0]
        if not len(cells):
            break
        found = at(cells, around[cells])
        whole[cells[found >= 0]] = found[found >= 0]
        cells = cells[found < 0]
        around[cells] = above[around[cells]]
    child = np.flatnonzero(whole >= 0)
    vintage = parts["place_vintage"].to_numpy()
    _sum(terms, position[whole[child]], position[child], vintage[child], int(vintage.max(initial=0)) + 1)


def _sum(terms: Terms, whole: np.ndarray, child: np.ndarray, apart: np.ndarray, width: int) -> None:
    """Add the equations: each ``whole`` is the sum of its children, apart by ``apart`` (below ``width``)."""
    equation = whole * width + apart
    first = np.unique(equation, return_index=True)[1]
    terms.add(
        np.concatenate([equation, equation[first]]),
        np.concatenate([child, whole[first]]),
        np.concatenate([-np.ones(len(child)), np.ones(len(first))]),
        is_sum=True,
    )


def _over_dimension(parts: pd.DataFrame, dimension: str, terms: Terms) -> None:
    """A breakdown's categories make its total; where they do not, look for the sums among its codes."""
    others = [name for name in DIMENSIONS if name != dimension]
    place = pd.factorize(parts["place"])[0]
    table = _group(parts.assign(place=place), (*_SLICE, "place", *others))
    code = parts[dimension].to_numpy()
    total = np.full(int(table.max(initial=0)) + 1, -1)
    total[table[code == 0]] = np.flatnonzero(code == 0)
    child = np.flatnonzero((code > 0) & (total[table] >= 0))
    if not len(child):
        return
    whole = total[table[child]]
    amount = parts["amount"].to_numpy()
    off = np.bincount(whole, amount[child], len(parts)) - amount
    broken = np.zeros(len(parts), dtype=bool)
    broken[whole] = np.abs(off[whole]) > TOLERANCE * np.maximum(1.0, np.abs(amount[whole]))
    _sum(terms, whole, child, np.zeros(len(child), dtype=int), 1)
    # Code lists may nest: 0 to 14, 15 to 64 with 15 to 49 within it.
    family = _group(parts, ("source_id", "series_code", "part", "release"))
    nested = np.unique(family[whole[broken[whole]]])
    for number in nested:
        inside = np.flatnonzero((family == number) & (total[table] >= 0))
        _relations(inside, table[inside], code[inside], amount, terms)


def _relations(
    inside: np.ndarray, line: np.ndarray, column: np.ndarray, amount: np.ndarray, terms: Terms
) -> None:
    """Add the relations between ``column`` that hold on every ``line`` of the figures ``inside``."""
    lines, line = np.unique(line, return_inverse=True)
    columns, column = np.unique(column, return_inverse=True)
    table = np.full((len(lines), len(columns)), np.nan)
    position = np.full(table.shape, -1)
    table[line, column] = amount[inside]
    position[line, column] = inside
    for relation in relations(table):
        used = np.flatnonzero(relation)
        full = np.flatnonzero((position[:, used] >= 0).all(axis=1))
        terms.add(
            np.repeat(full, len(used)),
            position[np.ix_(full, used)].ravel(),
            np.tile(relation[used], len(full)),
        )


def _over_divided(parts: pd.DataFrame, divided: pd.DataFrame, terms: Terms) -> None:
    """Places that make up one of another vintage or code, wholly, in whichever release each stands."""
    there = set(parts["place"])
    pairs = divided[divided["whole"].isin(there) & divided["part"].isin(there)]
    if pairs.empty:
        return
    kind = _group(parts, ("source_id", "series_code", "part", "breakdown", "period", "time_detail"))
    keyed = pd.DataFrame(
        {
            "kind": kind,
            "place": parts["place"],
            "position": np.arange(len(parts)),
            "level": parts["source_level"],
            "release": parts["release"],
        }
    )
    wholes = pairs.merge(keyed, left_on="whole", right_on="place")[["whole", "part", "kind", "position"]]
    both = wholes.merge(
        keyed.rename(columns={"position": "child"}), left_on=["part", "kind"], right_on=["place", "kind"]
    )
    apart = _group(both, ("level", "release"))
    _sum(terms, both["position"].to_numpy(), both["child"].to_numpy(), apart, int(apart.max(initial=0)) + 1)


def across_series(figures: Figures, signature: np.ndarray, terms: Terms) -> tuple[np.ndarray, np.ndarray]:
    """Find quantities that several series or sources carry; add what holds between them to ``terms``.

    ``signature`` (over the parts) numbers what each is made of, -1: not known. Returned are pairs of
    positions of figures that are the same: those of series made of the same, or that agree everywhere.
    """
    parts = _described(figures)
    parts["line"] = _group(parts.assign(place=pd.factorize(parts["place"])[0]), ("place", "source_level"))
    slices = ("release", "period", "time_detail", "breakdown")
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    _across(parts, ("source_id", *slices), ("series_code", "part"), signature, terms, pairs)
    if parts["source_id"].nunique() > 1:
        unknown = np.full(len(parts), -1)
        _across(parts, ("series_code", "part", *slices), ("source_id",), unknown, terms, pairs)
    left, right = zip(*pairs, strict=True) if pairs else ((), ())
    return np.concatenate([*left, []]).astype(int), np.concatenate([*right, []]).astype(int)


def _across(
    parts: pd.DataFrame,
    slices: tuple[str, ...],
    columns_by: tuple[str, ...],
    signature: np.ndarray,
    terms: Terms,
    pairs: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    """Compare the quantities (``columns_by``) of each of the ``slices``, line by line."""
    table, quantity = _group(parts, slices), _group(parts, columns_by)
    line_of, amount = parts["line"].to_numpy(), parts["amount"].to_numpy()
    # The rest of a share follows from the other two.
    use = np.flatnonzero(parts["part"].to_numpy() != PARTS.index("rest"))
    use = use[np.argsort(table[use], kind="stable")]
    for inside in np.split(use, np.flatnonzero(np.diff(table[use])) + 1):
        columns, column = np.unique(quantity[inside], return_inverse=True)
        if len(columns) < 2:
            continue
        lines, line = np.unique(line_of[inside], return_inverse=True)
        values = np.full((len(lines), len(columns)), np.nan)
        position = np.full(values.shape, -1)
        values[line, column] = amount[inside]
        position[line, column] = inside
        made_of = np.full(len(columns), -1)
        made_of[column] = signature[inside]
        keep = np.ones(len(columns), dtype=bool)
        for one, other in _same(values, made_of):
            full = np.flatnonzero((position[:, one] >= 0) & (position[:, other] >= 0))
            pairs.append((position[full, one], position[full, other]))
            keep[other] = False
        chosen = np.flatnonzero(keep)
        for relation in relations(values[:, chosen]):
            used = chosen[np.flatnonzero(relation)]
            full = np.flatnonzero((position[:, used] >= 0).all(axis=1))
            terms.add(
                np.repeat(full, len(used)),
                position[np.ix_(full, used)].ravel(),
                np.tile(relation[relation != 0], len(full)),
            )


def _same(values: np.ndarray, made_of: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of columns that are equal wherever both have a figure: of columns made of the same,
    one figure is enough; of others, three that differ and are not zero."""
    found = []
    for one in range(values.shape[1]):
        for other in range(one + 1, values.shape[1]):
            both = ~np.isnan(values[:, one]) & ~np.isnan(values[:, other])
            same = both.any() and np.allclose(values[both, one], values[both, other], rtol=1e-9, atol=1e-9)
            if not same:
                continue
            different = len(np.unique(values[both, one][values[both, one] != 0]))
            if different >= 3 or (made_of[one] >= 0 and made_of[one] == made_of[other]):
                found.append((one, other))
    return found
