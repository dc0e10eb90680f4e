"""Tables whose cells add up: which cell is the sum of which others.

A hierarchy is a list of sums of one dimension, so that two hierarchies of the same codes (two boundary
vintages) and linked tables need nothing of their own: every sum that the cells themselves bear out is one
equation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Dimension:
    """One dimension: the ``column`` that holds its codes and ``sums``, pairs of a code and its parts'
    codes."""

    column: str
    sums: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def flat(cls, column: str, codes: Iterable[str], total: str = "_T") -> "Dimension":
        """Return a dimension in which ``total`` is the sum of all other ``codes``."""
        return cls(column, ((total, tuple(code for code in codes if code != total)),))

    @classmethod
    def tree(cls, column: str, parents: Mapping[str, str]) -> "Dimension":
        """Return a dimension with levels; ``parents`` maps each part to the code that it is a part of."""
        parts: dict[str, list[str]] = {}
        for part, whole in parents.items():
            parts.setdefault(whole, []).append(part)
        return cls(column, tuple((whole, tuple(codes)) for whole, codes in parts.items()))

    def and_also(self, other: "Dimension") -> "Dimension":
        """Return this dimension with the sums of ``other``, a second hierarchy of the same column."""
        return Dimension(self.column, self.sums + other.sums)


@dataclass(frozen=True)
class Table:
    """Cells and the equations between them.

    ``cells`` has one row per cell (columns: those that keep tables apart, then the dimensions), ``value`` its
    values in the same order. Each row of ``equations`` says: the sum (+1) less its parts (-1) is zero.
    ``blocks`` are groups of cells (positions) that a single sum of the longest dimension holds together; they
    overlap where one sum's total is another's part.

    Other linear equations may be given directly, with several quantities in one: each row of ``equations``
    times ``value`` must be zero. Without ``blocks`` those who work on the table look for their own.
    """

    cells: pd.DataFrame
    value: np.ndarray
    equations: sparse.csr_array
    blocks: tuple[np.ndarray, ...] = ()

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        dimensions: Sequence[Dimension],
        *,
        value: str = "value",
        apart: Sequence[str] = (),
        tolerance: float = 1e-6,
    ) -> "Table":
        """Return the table of ``frame``, one row per cell.

        A sum whose total or any part has no row is no equation, for the public cannot compute it. One that
        does not hold within ``tolerance`` (rounded or revised figures) raises ``ValueError`` naming it.
        ``apart`` are columns that keep tables apart, such as series and period.
        """
        columns = [dimension.column for dimension in dimensions]
        cells = frame.loc[:, [*apart, *columns]].reset_index(drop=True).astype(str)
        if cells.duplicated().any():
            raise ValueError(f"two rows for one cell: {cells[cells.duplicated()].iloc[0].to_dict()}")
        values = frame[value].to_numpy(dtype=float)
        rows, cols, signs, count = [], [], [], 0
        for dimension in dimensions:
            entries = _entries(cells, dimension, [*apart, *columns])
            if entries.empty:
                continue
            number, _ = pd.factorize(entries["sum_id"])
            rows.append(number + count)
            cols.append(entries["cell"].to_numpy())
            signs.append(entries["sign"].to_numpy())
            count += int(number.max()) + 1
        shape = (count, len(cells))
        equations = (
            sparse.csr_array(
                (np.concatenate(signs), (np.concatenate(rows), np.concatenate(cols))), shape=shape
            )
            if rows
            else sparse.csr_array(shape)
        )
        off = np.abs(equations @ values) > tolerance * np.maximum(1.0, np.abs(equations) @ np.abs(values))
        if off.any():
            first = equations[[int(np.flatnonzero(off)[0])]]
            whole = first.indices[first.data > 0][0]
            raise ValueError(
                f"{int(off.sum())} sums do not add up; the first is {cells.iloc[whole].to_dict()} = "
                f"{values[whole]:g}, its parts make {values[first.indices[first.data < 0]].sum():g}"
            )
        return cls(cells, values, equations, _blocks(cells, dimensions, list(apart)))

    def components(self) -> np.ndarray:
        """Return for each cell the number of the connected part of the table that it stands in."""
        return parts_of(self.equations)


def within(equations: sparse.csr_array, columns: np.ndarray) -> sparse.csr_array:
    """Return the equations that hold any of ``columns`` (positions), as sums of these alone."""
    inner = sparse.csr_array(equations[:, columns])
    return sparse.csr_array(inner[np.flatnonzero(np.diff(inner.indptr) > 0)])


def parts_of(equations: sparse.csr_array) -> np.ndarray:
    """Return for each column the number of its connected part: columns that share a row belong together."""
    rows, cols = equations.shape
    joined = sparse.block_array([[sparse.csr_array((cols, cols)), equations.T], [equations, None]])
    return connected_components(joined, directed=False)[1][:cols] if rows else np.arange(cols)


def _entries(cells: pd.DataFrame, dimension: Dimension, keys: list[str]) -> pd.DataFrame:
    """Return the entries (``sum_id, cell, sign``) of the sums of ``dimension`` whose cells are all there."""
    rest = [key for key in keys if key != dimension.column]
    where = pd.DataFrame(
        {
            "code": cells[dimension.column],
            "rest": cells.groupby(rest, sort=False, dropna=False).ngroup() if rest else 0,
            "cell": np.arange(len(cells)),
        }
    )
    listed = [
        (number, code, sign)
        for number, (whole, parts) in enumerate(dimension.sums)
        for code, sign in ((whole, 1.0), *((part, -1.0) for part in parts))
    ]
    sums = pd.DataFrame(listed, columns=["number", "code", "sign"])
    sums["size"] = sums.groupby("number")["code"].transform("size")
    found = sums.merge(where, on="code")
    found["sum_id"] = found["number"] * (where["rest"].max() + 1) + found["rest"]
    complete = found.groupby("sum_id")["cell"].transform("size") == found["size"]
    return found.loc[complete, ["sum_id", "cell", "sign"]]


def _blocks(cells: pd.DataFrame, dimensions: Sequence[Dimension], apart: list[str]) -> tuple[np.ndarray, ...]:
    """Return the cells of each single sum of the dimension with the most sums, within each table."""
    longest = max(dimensions, key=lambda dimension: len(dimension.sums))
    sums = pd.DataFrame(
        [
            (number, code)
            for number, (whole, parts) in enumerate(longest.sums)
            for code in dict.fromkeys((whole, *parts))
        ],
        columns=["number", "code"],
    )
    where = pd.DataFrame(
        {
            "code": cells[longest.column],
            "table": cells.groupby(apart, sort=False, dropna=False).ngroup() if apart else 0,
            "cell": np.arange(len(cells)),
        }
    )
    found = sums.merge(where, on="code").sort_values(["table", "number"], kind="stable")
    starts = np.flatnonzero((found[["table", "number"]].diff() != 0).any(axis=1).to_numpy())[1:]
    return tuple(np.split(found["cell"].to_numpy(), starts)) if len(found) else ()
