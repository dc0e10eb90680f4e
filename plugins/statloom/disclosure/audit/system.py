"""What the published figures say about the left-out ones: unknowns with bounds, and sums between them.

Everything here is made anew from the published files and their description; nothing is taken from the code
that chose which cells to leave out.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from statloom.disclosure.audit import links, read, sums, unknowns
from statloom.disclosure.audit.listing import CELL, DENOMINATOR, NUMERATOR, REST, Book, File, Listing, keys


@dataclass
class System:
    """Unknowns ``lower <= x <= upper`` with ``low <= rows @ x <= high``.

    Over the unknowns: ``integers``, ``threshold``, ``width``, ``asked`` (a left-out figure), ``key`` (of the
    cell). Over the rows: ``soft``, what giving one up costs; infinite for what cannot be given up. ``gaps``:
    one row per left-out figure, with ``unknown``, ``role``, ``row``, ``quantity``, ``file`` and ``line``.
    """

    lower: np.ndarray
    upper: np.ndarray
    integers: np.ndarray
    threshold: np.ndarray
    width: np.ndarray
    asked: np.ndarray
    key: np.ndarray
    rows: sparse.csr_array
    low: np.ndarray
    high: np.ndarray
    soft: np.ndarray
    gaps: pd.DataFrame
    revised: int

    def without(self, given_up: np.ndarray) -> "System":
        """Return the system without some of its rows."""
        kept = np.flatnonzero(~given_up)
        return replace(
            self,
            rows=sparse.csr_array(self.rows[kept]),
            low=self.low[kept],
            high=self.high[kept],
            soft=self.soft[kept],
        )


class Builder:
    """Collects cells and equations from the files of all releases."""

    def __init__(self, folder: Path, description: dict) -> None:
        self.folder, self.description = folder, description
        self.listing = Listing(folder, description)
        self.book: Book = self.listing.book
        self.files: list[str] = []
        self._collect()

    @property
    def told(self) -> pd.DataFrame:
        """What the files say outright although they should not: columns of ``Audit.cells``."""
        newest = {id(file) for file in self.listing.releases[-1].values()}
        found = []
        for file in self._once():
            told = file.told
            if len(told) and id(file) not in newest:
                # Rules grow stricter: what was fine to show once is judged in what goes out now.
                told = told[told["lower"].isna()]
            if len(told):
                found.append(told.assign(file=file.path))
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    @property
    def published(self) -> int:
        """Rows with a figure, of all files that differ."""
        return sum(file.published for file in self._once())

    @property
    def left_out(self) -> int:
        """Rows without one."""
        return sum(file.left_out for file in self._once())

    def _once(self) -> list[File]:
        return list({id(f): f for files in self.listing.releases for f in files.values()}.values())

    def _collect(self) -> None:
        """Put the rows of all releases one after the other; what stands as before is there once."""
        before: dict[int, frozenset[int]] = {}
        parts: dict[str, list[np.ndarray]] = {}
        blocks, self.ratios = [], []
        for number, files in enumerate(self.listing.releases):
            owners: dict[int, set[int]] = {}
            for file in files.values():
                for quantity in file.labels:
                    owners.setdefault(quantity, set()).add(id(file))
            same = {q for q, ids in owners.items() if before.get(q) == frozenset(ids)}
            before |= {q: frozenset(ids) for q, ids in owners.items()}
            for file in {id(f): f for f in files.values()}.values():
                # What is linked by a row stands and falls together.
                if file.labels and file.labels <= same:
                    continue
                place = len(self.files)
                self.files.append(file)
                blocks += [(number, place, block) for block in file.blocks]
                if len(file.ratios):
                    self.ratios.append((number, file.ratios))
        for number, place, block in blocks:
            count = len(block.quantity)
            columns = {
                "release": np.full(count, number),
                "file": np.full(count, place),
                "half": np.full(count, block.half),
                **{
                    name: getattr(block, name)
                    for name in ("quantity", "figure", "gap", "implied", "revised", "line", "row")
                },
            }
            for name, values in columns.items():
                parts.setdefault(name, []).append(values)
        self.rows = {name: np.concatenate(values) for name, values in parts.items()}
        dimensions = len(self.book.dimensions)
        self.codes = (
            np.concatenate([b.codes for *_, b in blocks]) if blocks else np.zeros((0, dimensions), int)
        )
        rows = self.rows
        if self.description["same"] == "checked":
            cell = keys(self.codes, np.zeros(len(self.codes), dtype=np.int64))
            stands = links.same(
                self.book, rows["quantity"], cell, rows["release"], rows["figure"], rows["gap"]
            )
        else:
            stands = self._by_name()
        rows["stands"] = stands[rows["quantity"]]
        rows["key"] = keys(self.codes, rows["stands"])
        self._of_quantities(stands)

    def _by_name(self) -> np.ndarray:
        """Without links, cells of one name are one quantity, whatever table they stand in."""
        first: dict[tuple, int] = {}
        return np.array(
            [
                first.setdefault((q.name, q.apart, q.role), number)
                for number, q in enumerate(self.book.quantities)
            ],
            dtype=np.int64,
        )

    def _of_quantities(self, stands: np.ndarray) -> None:
        """Set by quantity whether its figures are counts."""
        rows, quantities = self.rows, self.book.quantities
        broken = np.zeros(len(quantities), dtype=bool)
        figure = rows["figure"]
        fraction = np.isfinite(figure) & (np.abs(figure - np.round(figure)) > 1e-9)
        broken[rows["stands"][fraction]] = True
        self.integers = np.array(
            [
                not broken[stands[number]] if q.integers == "checked" else bool(q.integers)
                for number, q in enumerate(quantities)
            ],
            dtype=bool,
        )

    def build(self, apart: np.ndarray, *, earlier: bool = False) -> System:
        """Return the system of all releases. A cell whose key is among ``apart`` is another unknown in each
        release, tied to that of the release before by a row that may be given up. ``earlier``: of the same
        unknowns, without the figures of the newest release.
        """
        rows, quantities = self.rows, self.book.quantities
        least = np.array([q.least if self.integers[n] else 0.0 for n, q in enumerate(quantities)])
        found = unknowns.build(
            rows["key"],
            self.codes,
            rows["stands"],
            rows["release"],
            rows["figure"],
            rows["half"],
            least[rows["quantity"]] if len(quantities) else np.zeros(0),
            rows["revised"],
            len(self.description["releases"]),
            apart,
        )
        if earlier:
            found.lower, found.upper = self._before(found, least)
        equations = sums.Equations()
        for release in range(len(self.description["releases"])):
            here = np.unique(rows["key"][rows["release"] == release])
            if len(here):
                sums.of_release(
                    self.book, self.description, self._sums(release), found, release, here, equations
                )
        self._wholes(found, equations)
        self._ties(found, apart, equations)
        matrix, low, high, soft = self._matrix(found, equations)
        count = len(found.cell)
        gap = rows["gap"]
        threshold, width = np.zeros(count), np.zeros(count)
        of = found.of_row[gap]
        thresholds = np.array(
            [
                q.threshold if self.integers[n] or q.integers is False else 0.0
                for n, q in enumerate(quantities)
            ]
        )
        np.maximum.at(threshold, of, thresholds[rows["quantity"][gap]])
        np.maximum.at(width, of, np.array([q.width for q in quantities])[rows["quantity"][gap]])
        integers = self.integers[found.quantity[found.cell]] if len(quantities) else np.zeros(0, bool)
        asked = np.zeros(count, dtype=bool)
        asked[of] = True
        gaps = pd.DataFrame(
            {
                "unknown": of,
                "at": np.flatnonzero(gap),
                "role": np.array([q.role for q in quantities], dtype=np.int64)[rows["quantity"][gap]],
                "group rule": np.array([q.group for q in quantities], dtype=bool)[rows["quantity"][gap]],
                "quantity": rows["quantity"][gap],
                "implied": rows["implied"][gap],
                "release": rows["release"][gap],
                "row": rows["row"][gap],
            }
        )
        versions = np.bincount(found.cell, minlength=len(found.key))
        return System(
            found.lower,
            found.upper,
            integers,
            threshold,
            width,
            asked,
            found.key[found.cell],
            matrix,
            low,
            high,
            soft,
            gaps,
            int((versions > 1).sum()),
        )

    def tells_apart(self) -> bool:
        """Return whether it can be said what the releases before the newest tell by themselves."""
        newest = len(self.description["releases"]) - 1
        return newest > 0 and not any(release == newest for release, _ in self.ratios)

    def _before(self, found: unknowns.Unknowns, least: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper of the unknowns without the figures of the newest release; that a left-out
        count is not zero stays known."""
        rows, newest = self.rows, len(self.description["releases"]) - 1
        lower, upper = np.zeros(len(found.cell)), np.full(len(found.cell), np.inf)
        shown = ~np.isnan(rows["figure"])
        older = shown & (rows["release"] < newest)
        of = found.of_row
        np.maximum.at(lower, of[~shown], least[rows["quantity"][~shown]])
        np.maximum.at(lower, of[older], (rows["figure"] - rows["half"])[older])
        np.minimum.at(upper, of[older], (rows["figure"] + rows["half"])[older])
        return lower, upper

    def describe(self, at: np.ndarray) -> pd.DataFrame:
        """Return ``group``, the dimensions, ``file`` and ``line`` of rows."""
        rows = self.rows
        labels = np.array([q.label for q in self.book.quantities], dtype=object)
        paths = np.array([file.path for file in self.files], dtype=object)
        columns = {"group": labels[rows["quantity"][at]]}
        for number, name in enumerate(self.book.dimensions):
            columns[name] = self.book.names(number)[self.codes[at, number]]
        return pd.DataFrame(columns | {"file": paths[rows["file"][at]], "line": rows["line"][at]})

    def _sums(self, release: int) -> dict[int, list[list[tuple[str, list[str]]]]]:
        name = self.description["releases"][release]
        return {
            number: [
                read.sums(self.folder, name, entry)
                for entry in self.description["dimensions"][dimension].get("sums", [])
            ]
            for number, dimension in enumerate(self.book.dimensions)
        }

    def _wholes(self, found: unknowns.Unknowns, equations: sums.Equations) -> None:
        """Add that numerator and rest are the denominator."""
        rows = self.rows
        role = np.array([q.role for q in self.book.quantities], dtype=np.int64)[rows["quantity"]]
        for release in np.unique(rows["release"][role == REST]):
            parts = {}
            for part in (NUMERATOR, REST, DENOMINATOR):
                chosen = np.flatnonzero((role == part) & (rows["release"] == release))
                order = chosen[np.argsort(rows["row"][chosen], kind="stable")]
                parts[part] = pd.Series(found.of_row[order], index=rows["row"][order])
            whole = pd.concat(parts, axis=1, join="inner").to_numpy()
            open_ = (found.upper > found.lower)[whole].any(axis=1)
            whole = np.unique(whole[open_], axis=0)
            many = len(whole)
            equations.add(
                np.repeat(np.arange(many), 3),
                whole.ravel(),
                np.tile([1.0, 1.0, -1.0], many),
                many,
                believed=False,
            )

    def _ties(self, found: unknowns.Unknowns, apart: np.ndarray, equations: sums.Equations) -> None:
        """Tie the unknowns of a cell that is taken apart, but for those with figures that differ."""
        chosen = np.flatnonzero(np.isin(found.key[found.cell], apart))
        chosen = chosen[np.argsort(found.cell[chosen], kind="stable")]
        one, other = chosen[:-1], chosen[1:]
        open_ = found.upper > found.lower
        tied = (found.cell[one] == found.cell[other]) & (open_[one] | open_[other])
        one, other = one[tied], other[tied]
        many = len(one)
        equations.add(
            np.tile(np.arange(many), 2),
            np.concatenate([one, other]),
            np.repeat([1.0, -1.0], many),
            many,
            believed=True,
        )
        self._tied = many

    def _matrix(self, found: unknowns.Unknowns, equations: sums.Equations):
        """Return all rows with their limits, each once."""
        entries = [np.concatenate(part) for part in (equations.number, equations.unknown, equations.sign)]
        believed = np.concatenate(equations.believed)
        soft = np.where(believed, 10.0, np.inf)
        if self._tied:
            soft[-self._tied :] = 1.0
        low, high = np.zeros(equations.count), np.zeros(equations.count)
        limits = self._limits(found)
        if limits is not None:
            number, unknown, sign, least, most = limits
            entries = [
                np.concatenate([entries[0], number + equations.count]),
                np.concatenate([entries[1], unknown]),
                np.concatenate([entries[2], sign]),
            ]
            low, high = np.concatenate([low, least]), np.concatenate([high, most])
            soft = np.concatenate([soft, np.full(len(least), np.inf)])
        shape = (len(low), len(found.cell))
        matrix = sparse.csr_array((entries[2], (entries[0], entries[1])), shape=shape)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        # Releases repeat each other's sums: rows with the same random fingerprint are the same.
        mark = np.round(matrix @ np.random.default_rng(0).normal(size=shape[1]), 9)
        order = np.lexsort([-soft, high, low, mark])
        once = np.sort(
            order[
                np.concatenate(
                    [
                        np.ones(min(len(order), 1), bool),
                        (np.diff(mark[order]) != 0)
                        | (low[order][1:] != low[order][:-1])
                        | (high[order][1:] != high[order][:-1]),
                    ]
                )
            ]
        )
        return sparse.csr_array(matrix[once]), low[once], high[once], soft[once]

    def _limits(self, found: unknowns.Unknowns):
        """Return two rows for each share without counts: numerator - at_least * denominator >= 0, numerator -
        at_most * denominator <= 0."""
        frames = []
        names = {q.label: n for n, q in enumerate(self.book.quantities) if q.role == CELL}
        stands = dict(zip(self.rows["quantity"].tolist(), self.rows["stands"].tolist(), strict=True))
        for release, ratios in self.ratios:
            at = found.at(release)
            if "numerator codes" in ratios:
                sides = {}
                for side in ("numerator", "denominator"):
                    owner = np.array(
                        [stands.get(names.get(label, -1), -1) for label in ratios[f"{side} label"]]
                    )
                    key = keys(np.stack(list(ratios[f"{side} codes"])), np.maximum(owner, 0))
                    where = np.minimum(np.searchsorted(found.key, key), len(found.key) - 1)
                    sides[side] = np.where((found.key[where] == key) & (owner >= 0), at[where], -1)
                frames.append(ratios[["at_least", "at_most"]].assign(**sides))
            else:
                rows = self.rows
                role = np.array([q.role for q in self.book.quantities])[rows["quantity"]]
                sides = {}
                for side, part in (("numerator", NUMERATOR), ("denominator", DENOMINATOR)):
                    chosen = (role == part) & (rows["release"] == release)
                    mine = pd.Series(found.of_row[chosen], index=rows["row"][chosen])
                    sides[side] = mine.reindex(ratios["row"]).fillna(-1).to_numpy().astype(int)
                frames.append(ratios[["at_least", "at_most"]].assign(**sides))
        if not frames:
            return None
        limits = pd.concat(frames).query("numerator >= 0 and denominator >= 0").drop_duplicates()
        many = len(limits)
        number = np.arange(many)
        one, other = limits["numerator"].to_numpy(), limits["denominator"].to_numpy()
        infinite = np.full(many, np.inf)
        return (
            np.concatenate([number, number, number + many, number + many]),
            np.concatenate([one, other, one, other]),
            np.concatenate([np.ones(many), -limits["at_least"], np.ones(many), -limits["at_most"]]),
            np.concatenate([np.zeros(many), -infinite]),
            np.concatenate([infinite, np.zeros(many)]),
        )
