"""The registry of places: the seeds, read, checked, and laid out for look-ups.

A seed that does not hold together is refused with the file, the row and the reason of each fault. Rows are
counted as a person counts them in the file: the header line is row 1.
"""

import datetime
import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from statloom import settings
from statloom.errors import StatloomError
from statloom.places.gates import COLUMNS, faults
from statloom.places.normalise import KINDS, forms
from statloom.places.view import SHORTEST_KEY, View

# Seeds that a registry may do without.
OPTIONAL = {"place_elsewhere": ("place_name", "country", "kind", "source")}
REFERENCE = ("source_id", "place_scheme", "place_level", "place_code", "place_name", "place_parent")
KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS, start=1)}
KEPT = 4  # registries held at once
_loaded: dict[str, "Registry"] = {}


class RegistryError(StatloomError):
    """The registry does not hold together. Its text has one line for each fault: seed, row, reason."""


def load(folder: Path | str | None = None) -> "Registry":
    """Return the registry of ``folder`` (default: the project's seeds); read again only when a seed has
    changed.

    Raises RegistryError when a seed is missing, cannot be read, or does not pass the gates.
    """
    folder = Path(folder) if folder is not None else settings.load().dbt_project / "seeds" / "places"
    fingerprint = _fingerprint(folder)
    if fingerprint not in _loaded:
        seeds = read(folder)
        found = faults(seeds)
        if len(found):
            raise RegistryError(_message(folder, found))
        if len(_loaded) >= KEPT:
            _loaded.pop(next(iter(_loaded)))
        _loaded[fingerprint] = Registry(folder, fingerprint, seeds)
    return _loaded[fingerprint]


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the seeds as text, one frame each, without checking what they say.

    ``OPTIONAL`` ones that are not there are empty. Raises RegistryError when a file or a column is missing,
    or a row has too many or too few fields.
    """
    seeds = {name: _read(folder / f"{name}.csv", columns) for name, columns in COLUMNS.items()}
    for name, columns in OPTIONAL.items():
        path = folder / f"{name}.csv"
        seeds[name] = _read(path, columns) if path.exists() else pd.DataFrame(columns=columns, dtype="str")
    return seeds


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            ),
        )
    except FileNotFoundError:
        raise RegistryError(f"{path}: the seed is missing") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise RegistryError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise RegistryError(f"{path.name}, row 1: column {', '.join(missing)} is missing")
    return table.select(list(columns)).to_pandas()


def _fingerprint(folder: Path) -> str:
    total = hashlib.sha256(str(folder.absolute()).encode())
    for name in (*COLUMNS, *OPTIONAL):
        path = folder / f"{name}.csv"
        total.update(name.encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest() if path.exists() else b"missing")
    return total.hexdigest()


def _message(folder: Path, found: pd.DataFrame, longest: int = 20) -> str:
    lines = [f"{f.seed}.csv, row {f.row}: {f.reason}" for f in found.head(longest).itertuples()]
    if len(found) > longest:
        lines.append(f"and {len(found) - longest:,} more")
    return f"the places in {folder} do not hold together:\n  " + "\n  ".join(lines)


@dataclass(frozen=True, eq=False)
class Registry:
    """Checked seeds. ``seeds`` has a frame of text for each; ``fingerprint`` changes with any of them."""

    folder: Path
    fingerprint: str
    seeds: dict[str, pd.DataFrame]
    _views: dict = field(default_factory=dict, repr=False)
    _vocabulary: dict = field(default_factory=dict, repr=False)
    _codes: dict = field(default_factory=dict, repr=False)

    @cached_property
    def places(self) -> pd.DataFrame:
        """The places in the order of the seed, dates as days since 1970 (``valid_to`` open: the largest)."""
        places = self.seeds["place"]
        return places.assign(
            begins=days(places["valid_from"], np.iinfo(np.int64).min),
            ends=days(places["valid_to"], np.iinfo(np.int64).max),
            position=np.arange(len(places)),
        )

    @cached_property
    def index(self) -> pd.Index:
        """Place ids, in the order of ``places``: ``index.get_indexer(ids)`` gives positions."""
        return pd.Index(self.places["place_id"])

    @cached_property
    def levels(self) -> frozenset[str]:
        """All levels on which there are places, of whatever date."""
        return frozenset(self.places["place_level"].unique())

    @cached_property
    def schemes(self) -> frozenset[str]:
        """All schemes that have codes or are declared."""
        return frozenset(self.seeds["place_scheme"]["place_scheme"])

    @cached_property
    def ancestors(self) -> pd.DataFrame:
        """One row a place and each of its ancestors.

        ``position`` and ``ancestor`` are positions in ``places``; ``steps`` is 1 for the parent.
        """
        parents = self.index.get_indexer(self.places["parent_id"])
        position, ancestor, rows, steps = self.places["position"].to_numpy(), parents.copy(), [], 1
        while (ancestor >= 0).any():
            there = ancestor >= 0
            position, ancestor = position[there], ancestor[there]
            rows.append(pd.DataFrame({"position": position, "ancestor": ancestor, "steps": steps}))
            ancestor, steps = parents[ancestor], steps + 1
        empty = pd.DataFrame({"position": [], "ancestor": [], "steps": []}, dtype="int64")
        return pd.concat(rows, ignore_index=True) if rows else empty

    @cached_property
    def names(self) -> pd.DataFrame:
        """All names of all places in all forms of ``normalise``, by place: ``position`` and a number for
        each form.

        ``kind`` is that of the place, not of the name. A number is -1 where a form is too short to tell names
        apart.
        """
        places, more = self.places, self.seeds["place_name"]
        listed = [
            (places["position"].to_numpy(), places["place_name"]),
            (places["position"].to_numpy(), places["place_name_ne"]),
            (self.index.get_indexer(more["place_id"]), more["place_name"]),
        ]
        position = np.concatenate([positions for positions, _ in listed])
        texts = pa.array(np.concatenate([names.to_numpy(dtype=object) for _, names in listed]), pa.string())
        frame = forms(texts).drop(columns=["kind", "mixed"]).assign(position=position)
        frame = frame[frame["core"] != ""].drop_duplicates(["position", "folded"])
        frame = frame.sort_values("position", kind="stable", ignore_index=True)
        for form, vocabulary in self.vocabulary_of(frame).items():
            frame[f"{form}_number"] = vocabulary.get_indexer(frame[form])
        codes, types = pd.factorize(places["place_type"])
        kind_of_type = forms(pa.array(["x " + name for name in types], pa.string()))["kind"]
        kinds = kind_of_type.map(KIND_NUMBERS).fillna(0).to_numpy(np.int64)
        return frame.assign(kind_number=kinds[codes][frame["position"]])

    def vocabulary_of(self, frame: pd.DataFrame) -> dict[str, pd.Index]:
        """Number the forms of names, once; return the index of each form."""
        if not self._vocabulary:
            for form in ("folded", "core", "key", "tokens"):
                distinct = pd.Index(frame[form].unique())
                if form in ("key", "tokens"):
                    distinct = distinct[distinct.str.len() >= SHORTEST_KEY]
                self._vocabulary[form] = distinct
        return self._vocabulary

    @property
    def vocabulary(self) -> dict[str, pd.Index]:
        """The distinct names of each form; a position in one is the name's number."""
        return self.vocabulary_of(self.names) if not self._vocabulary else self._vocabulary

    @cached_property
    def elsewhere(self) -> tuple[list[str], frozenset[str], frozenset[str]]:
        """Names of places abroad that no place of the registry has, without the spaces.

        The cores of those that a misspelt name may have meant (all but towns), the cores of all, and keys.
        """
        seed = self.seeds["place_elsewhere"]
        names = forms(pa.array(seed["place_name"], pa.string()))
        known = self.vocabulary["core"].str.replace(" ", "", regex=False)
        cores = names["core"].str.replace(" ", "", regex=False)
        strange = ~cores.isin(known) & (cores != "")
        known_abroad = (
            strange & (seed["kind"] != "town").to_numpy() & ~names["key"].isin(self.vocabulary["key"])
        )
        keys = frozenset(names.loc[known_abroad, "key"])
        return sorted(set(cores[known_abroad])), frozenset(cores[strange]), keys

    def codes(self, scheme: str) -> pd.DataFrame:
        """Return the codes of ``scheme`` with ``position`` and ``plain``, the bare code."""
        if scheme not in self._codes:
            codes = self.seeds["place_code"]
            codes = codes[codes["place_scheme"] == scheme]
            self._codes[scheme] = codes.assign(
                position=self.index.get_indexer(codes["place_id"]), plain=plain_codes(codes["place_code"])
            ).reset_index(drop=True)
        return self._codes[scheme]

    @cached_property
    def links(self) -> pd.DataFrame:
        """Places and what became of them, from changes and crosswalk: positions ``before, after``.

        A link of the crosswalk may lead back in time; its places are put in the order of time here.
        """
        changes = self.seeds["place_change"][["from_place_id", "to_place_id"]]
        crosswalk = self.seeds["crosswalk"][["from_place_id", "to_place_id"]]
        both = pd.concat([changes, crosswalk]).drop_duplicates()
        both = both[(both["from_place_id"] != both["to_place_id"]) & (both != "").all(axis=1)]
        first, second = (self.index.get_indexer(both[f"{end}_place_id"]) for end in ("from", "to"))
        begins = self.places["begins"].to_numpy()
        back = begins[first] > begins[second]
        before, after = np.where(back, second, first), np.where(back, first, second)
        return pd.DataFrame({"before": before, "after": after}).drop_duplicates(ignore_index=True)

    @cached_property
    def descent(self) -> pd.DataFrame:
        """Places and all that became of them over any number of editions: positions ``before, after``."""
        links, found = self.links, [self.links]
        known = set(zip(links["before"], links["after"], strict=True))
        step = links
        while len(step):
            step = step.rename(columns={"after": "between"}).merge(
                links.rename(columns={"before": "between"}), on="between"
            )
            step = step[["before", "after"]].drop_duplicates()
            pairs = zip(step["before"], step["after"], strict=True)
            step = step[np.array([pair not in known for pair in pairs], dtype=bool)]
            known.update(zip(step["before"], step["after"], strict=True))
            found.append(step)
        return pd.concat(found, ignore_index=True)

    def view(self, level: str, date: int) -> View:
        """Return the places of ``level`` on ``date`` (days since 1970), laid out for look-ups."""
        key = (level, date)
        if key not in self._views:
            if len(self._views) > 16:
                self._views.clear()
            self._views[key] = View(self, level, date)
        return self._views[key]

    def stale_decisions(self) -> pd.DataFrame:
        """Return the decisions that no longer apply: the rows of the seed, with ``row`` and ``problem``."""
        decisions = self.seeds["place_decision"]
        names = self.places.set_index("place_id")["place_name"]
        current = decisions["place_id"].map(names)
        chosen = decisions["place_id"] != ""
        problem = pd.Series("", index=decisions.index)
        problem[chosen & current.isna()] = "the place is not in the registry"
        other = chosen & current.notna() & (decisions["expect"] != "") & (current != decisions["expect"])
        problem[other] = "the place is called " + current[other] + ", not " + decisions["expect"][other]
        problem[~decisions["place_scheme"].isin(self.schemes)] = "the scheme is not in the registry"
        problem[decisions.duplicated(list(REFERENCE), keep="last")] = (
            "a later row decides on the same reference"
        )
        stale = problem != ""
        return decisions[stale].assign(row=decisions.index[stale] + 2, problem=problem[stale])


def days(dates: pd.Series, missing: int) -> np.ndarray:
    """Return ISO dates as days since 1970, ``missing`` for ''."""
    codes, distinct = pd.factorize(dates)
    number = np.array([missing if not day else day_number(day) for day in distinct], dtype=np.int64)
    return number[codes]


def day_number(date) -> int:
    """Return a date (ISO text, date or datetime) as days since 1970. Raises StatloomError when it is none."""
    try:
        if not isinstance(date, datetime.date):
            date = datetime.datetime.fromisoformat(str(date))
        day = datetime.date(date.year, date.month, date.day)
    except (ValueError, TypeError):
        raise StatloomError(f"{date!r} is not a date; write it as YYYY-MM-DD") from None
    return day.toordinal() - datetime.date(1970, 1, 1).toordinal()


def plain_codes(codes: pd.Series) -> pd.Series:
    """Return codes as they are compared when spreadsheets have been at them: capitals, no blanks or marks, no
    zeros before the first other sign."""
    texts = pc.utf8_upper(pa.array(codes, pa.string()))
    texts = pc.replace_substring_regex(texts, r"[^\p{L}\p{N}]", "")
    texts = pc.replace_substring_regex(texts, r"^0+([^0])", r"\1")
    return texts.to_pandas().astype("str").set_axis(codes.index)
