"""Making variables coarser: bands, groups of categories, highest and lowest values, rounded numbers."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts.model import Column
from statloom.contracts.public_use import Recoding
from statloom.microdata.public_use.errors import PublicUseError
from statloom.microdata.public_use.frequencies import MISSING

_PLAIN = Recoding()


@dataclass(frozen=True)
class Variable:
    """One variable of a file. Categories have ``codes`` (int32, `MISSING` for a missing value) of
    ``categories``; numbers that are no categories have ``values`` (float64, NaN for a missing one) instead.
    ``unlisted``: values that are in no list of the contract, which are taken for missing.
    """

    name: str
    categories: tuple[str, ...] = ()
    codes: np.ndarray | None = None
    values: np.ndarray | None = None
    integers: bool = False
    unlisted: int = 0

    def take(self, rows: np.ndarray) -> "Variable":
        """Return the variable of these rows (a mask, or positions)."""
        if self.codes is not None:
            return replace(self, codes=self.codes[rows])
        return replace(self, values=self.values[rows])

    def coded(self) -> "Variable":
        """Return the variable as categories: of numbers, every value that occurs is one."""
        if self.codes is not None:
            return self
        known = ~np.isnan(self.values)
        found, codes = np.unique(self.values[known], return_inverse=True)
        made = np.full(len(self.values), MISSING, np.int32)
        made[known] = codes
        return replace(self, categories=tuple(f"{value:g}" for value in found), codes=made, values=None)

    def arrow(self) -> pa.Array:
        """Return the values as a column of a file: text, or a number."""
        if self.codes is not None:
            taken = pa.array(self.codes, mask=self.codes == MISSING)
            return pc.take(pa.array(self.categories, pa.string()), taken)
        missing = np.isnan(self.values)
        kind = pa.int64() if self.integers else pa.float64()
        return pa.array(np.where(missing, 0, self.values), mask=missing).cast(kind)


def recode(values: pa.ChunkedArray | pa.Array, column: Column, rule: Recoding | None = None) -> Variable:
    """Return ``values`` of the contract's ``column`` as a variable, made coarser by ``rule``.

    A number without ``width`` stays a number. Raises PublicUseError where nothing is put together that could
    be.
    """
    rule = rule or _PLAIN
    if column.vault_type in ("integer", "number") and not column.categories:
        numbers = pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False)
        if rule.width:
            return _banded(numbers, column, rule)
        return _rounded(numbers, column, rule)
    return _grouped(pc.cast(values, pa.string()), column, rule)


def allowed(column: Column, rule: Recoding | None = None) -> tuple[str, ...] | None:
    """Return the categories that a recoded column may have; None where the contract has no list: of numbers,
    bands and places.
    """
    rule = rule or _PLAIN
    listed = listing(column)
    if listed is None:
        return None
    into = {old: new for new, group in rule.groups.items() for old in group}
    found = dict.fromkeys(into.get(category, category) for category in listed)
    return (*found, rule.missing) if rule.missing else tuple(found)


def listing(column: Column) -> tuple[str, ...] | None:
    """Return the categories of the contract's ``column``; None without a list."""
    if column.vault_type == "boolean":
        return ("true", "false")
    if column.categories:
        return column.categories
    return tuple(dict.fromkeys(column.codes.values())) if column.codes else None


def _rounded(numbers: np.ndarray, column: Column, rule: Recoding) -> Variable:
    made = numbers
    if rule.bottom is not None or rule.top is not None:
        low = -np.inf if rule.bottom is None else rule.bottom
        high = np.inf if rule.top is None else rule.top
        made = np.clip(made, low, high)
    if rule.round:
        # Halves go up: the same on every machine.
        made = np.floor(made / rule.round + 0.5) * rule.round
    whole = column.vault_type == "integer" or (rule.round or 0.5) % 1 == 0
    return Variable(column.name, values=made, integers=whole and bool((made[~np.isnan(made)] % 1 == 0).all()))


def _banded(numbers: np.ndarray, column: Column, rule: Recoding) -> Variable:
    """Return bands of ``width``: ``0-4``; of numbers with decimals, ``0 to under 5``."""
    known = ~np.isnan(numbers)
    if not known.any():
        raise PublicUseError(f"{column.name}: every value is missing")
    low = rule.bottom if rule.bottom is not None else -np.inf
    high = rule.top if rule.top is not None else np.inf
    inside = known & (numbers >= low) & (numbers < high)
    band = np.floor((numbers - rule.start) / rule.width)
    keys = np.where(inside, band, np.nan)
    keys = np.where(known & (numbers < low), -np.inf, np.where(known & (numbers >= high), np.inf, keys))
    # A band that a limit cuts keeps its place, and says so by its ends.
    found, codes = np.unique(keys[known], return_inverse=True)
    made = np.full(len(numbers), MISSING, np.int32)
    made[known] = codes
    labels = tuple(_band(key, column, rule, low, high) for key in found)
    return _with_missing(Variable(column.name, labels, made), rule)


def _band(key: float, column: Column, rule: Recoding, low: float, high: float) -> str:
    if key == np.inf:
        return f"{high:g}+"
    if key == -np.inf:
        return f"under {low:g}"
    begin = max(rule.start + key * rule.width, low)
    end = min(rule.start + (key + 1) * rule.width, high)
    if column.vault_type == "integer":
        return f"{begin:g}-{end - 1:g}" if end - 1 > begin else f"{begin:g}"
    return f"{begin:g} to under {end:g}"


def _grouped(values: pa.ChunkedArray | pa.Array, column: Column, rule: Recoding) -> Variable:
    texts = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    encoded = texts.dictionary_encode()
    into = {old: new for new, group in rule.groups.items() for old in group}
    listed = listing(column)
    present = encoded.dictionary.to_pylist()
    order = listed if listed is not None else sorted(present)
    categories = tuple(dict.fromkeys(into.get(category, category) for category in order))
    known = set(order)
    place = {category: i for i, category in enumerate(categories)}
    # A code outside the list may be anything, a name for instance.
    codes = np.array(
        [place[into.get(text, text)] if text in known else MISSING for text in present] + [MISSING]
    )
    indices = encoded.indices.fill_null(len(present)).to_numpy(zero_copy_only=False)
    made = codes[indices].astype(np.int32)
    unlisted = int((made == MISSING).sum()) - texts.null_count
    return _with_missing(Variable(column.name, categories, made, unlisted=unlisted), rule)


def _with_missing(variable: Variable, rule: Recoding) -> Variable:
    if rule.missing is None:
        return variable
    known = variable.categories
    at = known.index(rule.missing) if rule.missing in known else len(known)
    codes = np.where(variable.codes == MISSING, at, variable.codes).astype(np.int32)
    return replace(variable, codes=codes, categories=known if at < len(known) else (*known, rule.missing))
