"""What the published figures say about the left-out ones: unknowns with bounds, and sums between them.

Everything here is made anew from the published files and their description; nothing is taken from the code
that chose which cells to leave out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from statloom.disclosure.audit import read


@dataclass
class System:
    """Unknowns ``lower <= x <= upper`` with ``low <= rows @ x <= high``.

    ``cells`` has one row per unknown (what it is, and where it stands); ``left_out`` is true for those that
    have a row without a figure, false for published ones (``lower`` = ``upper``, but for rounding) and for
    those without any row.
    """

    cells: pd.DataFrame
    lower: np.ndarray
    upper: np.ndarray
    left_out: np.ndarray
    rows: sparse.csr_array
    low: np.ndarray
    high: np.ndarray


class Builder:
    """Collects cells and equations from the files of all releases."""

    def __init__(self, folder: Path, description: dict) -> None:
        self.folder, self.description = folder, description
        self.dimensions = list(description["dimensions"])
        self.keys = ["group", *self.dimensions]
        self.listed = [self._listing(number, name) for number, name in enumerate(description["releases"])]
        self.shares = [self._shares(number, name) for number, name in enumerate(description["releases"])]

    def _listing(self, number: int, release: str) -> pd.DataFrame:
        frames = []
        for entry in self.description["tables"]:
            rows = read.tables(self.folder, release, entry, self.description)
            rows["group"] = entry["quantity"] + "|" + rows.pop("apart")
            rows["half"] = entry.get("rounded_to", 0.0) / 2
            frames.append(rows)
        rows = pd.concat(frames, ignore_index=True)
        rows["release"] = number
        return rows

    def _shares(self, number: int, release: str) -> pd.DataFrame:
        frames = []
        for entry in self.description["shares"]:
            rows = read.tables(self.folder, release, entry, self.description).dropna(subset=["figure"])
            apart = rows.pop("apart")
            half = entry["rounded_to"] / 2
            rows["at_least"] = np.maximum(rows["figure"] - half, 0.0) / entry["per"]
            rows["at_most"] = (rows["figure"] + half) / entry["per"]
            for side in ("numerator", "denominator"):
                rows[f"{side} group"] = entry[side]["quantity"] + "|" + apart
                for name in self.dimensions:
                    rows[f"{side} {name}"] = entry[side].get("fixed", {}).get(name, rows[name])
            frames.append(rows)
        rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
        return rows.assign(release=number)

    def build(self, apart: set[tuple] = frozenset()) -> System:
        """Return the system of all releases. A cell of ``apart`` (its key) is another unknown in each
        release, as is one whose published figures differ; every other cell is one unknown."""
        rows = pd.concat(self.listed, ignore_index=True)
        key = rows.groupby(self.keys, sort=False, dropna=False).ngroup()
        lowest = (rows["figure"] - rows["half"]).groupby(key).transform("max")
        highest = (rows["figure"] + rows["half"]).groupby(key).transform("min")
        revised = (lowest > highest + 1e-9).to_numpy(copy=True)
        if apart:
            revised |= pd.MultiIndex.from_frame(rows[self.keys]).isin(list(apart))
        rows["version"] = np.where(revised, rows["release"], -1)
        rows["unknown"] = rows.groupby([*self.keys, "version"], sort=False).ngroup()
        least = 1.0 if self.description["zeros"] == "published" and self.description["integers"] else 0.0
        rows["least"] = np.where(rows["figure"].isna(), least, np.maximum(rows["figure"] - rows["half"], 0.0))
        rows["most"] = np.where(rows["figure"].isna(), np.inf, rows["figure"] + rows["half"])
        rows["gap"] = rows["figure"].isna()
        cells = rows.groupby("unknown", sort=True).agg(
            **{name: (name, "first") for name in (*self.keys, "version", "file", "line")},
            least=("least", "max"),
            most=("most", "min"),
            left_out=("gap", "any"),
        )
        gaps = rows[rows["gap"]].drop_duplicates("unknown").set_index("unknown")
        cells.loc[gaps.index, ["file", "line"]] = gaps[["file", "line"]]
        return self._equations(cells, rows)

    def _equations(self, cells: pd.DataFrame, rows: pd.DataFrame) -> System:
        """Add the sums of every release, and the unknowns without a row that they need."""
        entries, bounds, count = [], [], 0
        for number, release in enumerate(self.description["releases"]):
            # A cell that this release does not show is the same unknown as in the releases that do.
            shared = cells["version"].isin([-1, number])
            present = cells.loc[shared, self.keys].assign(unknown=np.flatnonzero(shared))
            present["open"] = (cells["most"] > cells["least"])[shared]
            present["here"] = present["unknown"].isin(rows.loc[rows["release"] == number, "unknown"])
            lists = {name: self._sums(release, name) for name in self.dimensions}
            done: set[tuple] = set()
            for _ in range(6):
                added = []
                for name in self.dimensions:
                    found, absent, present, done = self._of(name, lists[name], present, len(cells), done)
                    if absent is not None:
                        absent["version"] = -1
                        absent["file"], absent["line"] = "", 0
                        absent["least"] = 0.0
                        absent["most"] = np.inf if self.description["absent"] == "unknown" else 0.0
                        absent["left_out"] = False
                        cells = pd.concat([cells, absent])
                        added.append(absent)
                    if found is not None:
                        entries.append(
                            (
                                found["sum_id"].to_numpy() + count,
                                found["unknown"].to_numpy(),
                                found["sign"].to_numpy(),
                            )
                        )
                        many = int(found["sum_id"].max()) + 1
                        bounds.append((np.zeros(many), np.zeros(many)))
                        count += many
                if not added:
                    break
            shares = self.shares[number]
            if len(shares):
                found, low, high = self._share_rows(shares, present)
                for rows_, columns, signs in found:
                    entries.append((rows_ + count, columns, signs))
                bounds.append((low, high))
                count += len(low)
        shape = (count, len(cells))
        matrix = sparse.csr_array(shape)
        if entries:
            matrix = sparse.csr_array(
                (
                    np.concatenate([signs for *_, signs in entries]),
                    (np.concatenate([r for r, *_ in entries]), np.concatenate([c for _, c, _ in entries])),
                ),
                shape=shape,
            )
        low = np.concatenate([one for one, _ in bounds]) if bounds else np.zeros(0)
        high = np.concatenate([one for _, one in bounds]) if bounds else np.zeros(0)
        # Releases repeat each other's sums: rows with the same random fingerprint are the same.
        mark = np.round(matrix @ np.random.default_rng(0).normal(size=shape[1]), 9)
        _, once = np.unique(np.stack([mark, low, high]), axis=1, return_index=True)
        matrix, low, high = sparse.csr_array(matrix[once]), low[once], high[once]
        return System(
            cells.reset_index(drop=True),
            cells["least"].to_numpy(dtype=float),
            cells["most"].to_numpy(dtype=float),
            cells["left_out"].to_numpy(dtype=bool),
            matrix,
            low,
            high,
        )

    def _sums(self, release: str, name: str) -> list[tuple[str, list[str]]]:
        of = self.description["dimensions"][name]
        return [pair for entry in of.get("sums", []) for pair in read.sums(self.folder, release, entry)]

    def _of(self, name: str, listed: list, present: pd.DataFrame, count: int, done: set):
        """Return the entries of the sums of one dimension that hold an open cell, the cells without a row
        that they need, and ``present`` with these."""
        rest = [key for key in self.keys if key != name]
        member = present[[*rest, name, "unknown", "open", "here"]]
        total = self.description["dimensions"][name].get("total")
        sums = pd.DataFrame(
            [
                (number, code, sign)
                for number, (whole, parts) in enumerate(listed)
                for code, sign in ((whole, 1.0), *((part, -1.0) for part in parts))
            ],
            columns=["sum", name, "sign"],
        )
        wanted = []
        if listed:
            touched = (
                member[member["open"]].merge(sums[["sum", name]], on=name)[[*rest, "sum"]].drop_duplicates()
            )
            # A sum of which nothing else is there says nothing.
            known = member.merge(sums[["sum", name]], on=name).groupby(["sum", *rest], sort=False).size()
            touched = touched[known.reindex(pd.MultiIndex.from_frame(touched[["sum", *rest]])).to_numpy() > 1]
            wanted.append(touched.merge(sums, on="sum"))
        if total is not None:
            codes = member.loc[member["here"], ["group", name]].drop_duplicates()
            codes["sign"] = np.where(codes[name] == total, 1.0, -1.0)
            both = codes.groupby("group")["sign"].agg(["min", "max"])
            codes = codes[codes["group"].isin(both.index[(both["min"] < 0) & (both["max"] > 0)])]
            touched = member.loc[member["open"] & member["here"], rest].drop_duplicates()
            flat = touched.merge(codes, on="group")
            wanted.append(flat.assign(sum=-1))
        if not wanted:
            return None, None, present, done
        entries = pd.concat(wanted, ignore_index=True)
        if entries.empty:
            return None, None, present, done
        tag = pd.MultiIndex.from_frame(entries[["sum", *rest]])
        entries["sum_id"], uniques = pd.factorize(tag)
        fresh = np.array([(name, *one) not in done for one in uniques])
        done = done | {(name, *one) for one in uniques}
        entries = entries[fresh[entries["sum_id"].to_numpy()]]
        if entries.empty:
            return None, None, present, done
        entries["sum_id"], _ = pd.factorize(entries["sum_id"])
        entries = entries.merge(member[[*rest, name, "unknown"]], on=[*rest, name], how="left")
        absent = None
        missing = entries["unknown"].isna()
        if missing.any():
            absent = entries.loc[missing, self.keys].drop_duplicates().reset_index(drop=True)
            absent.index = np.arange(count, count + len(absent))
            more = absent.assign(unknown=absent.index, open=True, here=True)
            present = pd.concat([present, more], ignore_index=True)
            entries = entries.drop(columns="unknown").merge(
                present[[*self.keys, "unknown"]], on=self.keys, how="left"
            )
        entries["unknown"] = entries["unknown"].astype(int)
        return entries, absent, present, done

    def _share_rows(self, shares: pd.DataFrame, present: pd.DataFrame):
        """Return two rows a share: numerator - at_least * denominator >= 0, numerator - at_most *
        denominator <= 0."""
        known = present[[*self.keys, "unknown"]]
        for side in ("numerator", "denominator"):
            names = {f"{side} {key}": key for key in self.keys}
            found = (
                shares[list(names)].rename(columns=names).merge(known, on=self.keys, how="left")["unknown"]
            )
            shares = shares.assign(**{side: found.to_numpy()})
        shares = shares.dropna(subset=["numerator", "denominator"])
        many = len(shares)
        numerator, denominator = shares["numerator"].astype(int), shares["denominator"].astype(int)
        found = []
        for offset, factor in ((0, shares["at_least"]), (many, shares["at_most"])):
            number = np.arange(many) + offset
            found.append((number, numerator.to_numpy(), np.ones(many)))
            found.append((number, denominator.to_numpy(), -factor.to_numpy()))
        infinite = np.full(many, np.inf)
        return found, np.concatenate([np.zeros(many), -infinite]), np.concatenate([infinite, np.zeros(many)])
