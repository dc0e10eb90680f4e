"""A CSPro data dictionary: where every item of every record stands, and what its codes mean.

Both forms are read: that of CSPro 8, JSON, and the older one of sections and keys. Source of both formats:
CSPro's published source code (csprousers/cspro, Apache 2.0) and the CSPro Users Guide.
"""

from dataclasses import dataclass
from pathlib import Path

from statloom.errors import DeliveryError
from statloom.landing.read.code_list import CodeList, plain

_LONGEST_NUMBER = 18
_MOST_OCCURRENCES = 10_000


@dataclass(frozen=True)
class Value:
    """One entry of a value set. ``pairs``: (from, to), or (code, None); all as the dictionary writes them."""

    labels: tuple[str, ...]
    pairs: tuple[tuple[str, str | None], ...]
    special: str | None = None


@dataclass(frozen=True)
class ValueSet:
    """A named set of values, by which an item is judged and labelled."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Field:
    """A column of a record: ``start`` (from 0) and ``length`` in characters."""

    name: str
    start: int
    length: int
    item: "Item"


@dataclass(frozen=True)
class Item:
    """An item. ``start`` counts from 1, ``step``: from one occurrence to the next. ``decimal_mark``: the
    decimal point is in the data, otherwise the last ``decimals`` digits are implied to be behind it."""

    name: str
    start: int
    length: int
    numeric: bool = True
    decimals: int = 0
    decimal_mark: bool = False
    occurrences: int = 1
    step: int = 0
    labels: tuple[str, ...] = ()
    value_sets: tuple[ValueSet, ...] = ()

    def fields(self) -> list[Field]:
        """Return the columns that the item makes: named as the item in small letters, occurrences with a
        number from 1 behind."""
        name = self.name.lower()
        if self.occurrences == 1:
            return [Field(name, self.start - 1, self.length, self)]
        return [
            Field(f"{name}_{i + 1}", self.start - 1 + i * self.step, self.length, self)
            for i in range(self.occurrences)
        ]

    @property
    def end(self) -> int:
        """Return the last position, from 1."""
        return self.start - 1 + (self.occurrences - 1) * self.step + self.length

    def code_list(self, value_set: str | None, languages: tuple[str, ...]) -> CodeList | None:
        """Return the codes of the value set (default: the first); None when there is none.

        Raises KeyError for a value set that the item has not.
        """
        if value_set is not None:
            found = next((v for v in self.value_sets if v.name.lower() == value_set.lower()), None)
            if found is None:
                raise KeyError(value_set)
        elif not self.value_sets:
            return None
        else:
            found = self.value_sets[0]
        labels: dict[str, str] = {}
        translations: dict[str, dict[str, str]] = {}
        ranges = []
        for value in found.values:
            for low, high in value.pairs:
                if high is not None:
                    if self.numeric:
                        ranges.append((float(low), float(high)))
                    continue
                if not low.strip():
                    continue
                code = self._code(low)
                labels.setdefault(code, value.labels[0] if value.labels and value.labels[0] else code)
                for language, label in zip(languages[1:], value.labels[1:], strict=False):
                    if label:
                        translations.setdefault(language.lower(), {}).setdefault(code, label)
        return CodeList(labels, tuple(ranges), translations)

    def _code(self, text: str) -> str:
        if not self.numeric:
            return text.strip()
        try:
            return plain(float(text)) if self.decimals else str(int(text))
        except ValueError:
            return text.strip()


def steps(occurrences: int, length: int, parent: Item | None) -> tuple[int, int]:
    """Return how often an item of ``length`` occurs, and how far apart; a subitem occurs where its ``parent``
    does. Raises ValueError where both occur several times."""
    if not 1 <= occurrences <= _MOST_OCCURRENCES:
        raise ValueError(f"an item that occurs {occurrences:,} times")
    if parent is None or parent.occurrences == 1:
        return occurrences, length
    if occurrences > 1:
        raise ValueError("a subitem that occurs several times, in an item that does too, is not read")
    return parent.occurrences, parent.step


@dataclass(frozen=True)
class RecordType:
    """A type of record. ``code``: what stands at the dictionary's record type positions; ``items``: its own;
    ``ids``: those of its level and of the levels above."""

    name: str
    code: str
    items: tuple[Item, ...]
    ids: tuple[Item, ...]
    required: bool = True
    maximum: int = 1

    def fields(self) -> list[Field]:
        """Return all columns, the identifying ones first."""
        return [field for item in (*self.ids, *self.items) for field in item.fields()]


@dataclass(frozen=True)
class Dictionary:
    """``type_start`` counts from 1; ``type_length`` 0: the data have no record type. ``ids``: the items that
    identify a case, those of the first level."""

    name: str
    type_start: int
    type_length: int
    records: tuple[RecordType, ...]
    ids: tuple[Item, ...]
    languages: tuple[str, ...] = ("en",)

    def length(self, record: RecordType) -> int:
        """Return how many characters a line of ``record`` has."""
        ends = [item.end for item in (*record.ids, *record.items)]
        return max([self.type_start - 1 + self.type_length, *ends])


def load(path: Path, name: str) -> Dictionary:
    """Return the dictionary in the file ``path``. Raises DeliveryError, with the line where there is one,
    when it is no CSPro dictionary or does not say where things are."""
    from statloom.landing.read.cspro import json_form, section_form

    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("windows-1252", "replace")
    form = json_form if text.lstrip().startswith("{") else section_form
    found = form.parse(text, name)
    _check(found, name)
    return found


def _check(found: Dictionary, name: str) -> None:
    if not found.records:
        raise DeliveryError("the dictionary has no records", file=name)
    if found.type_length == 0 and len(found.records) > 1:
        raise DeliveryError("the dictionary has several records and no record type", file=name)
    codes: dict[str, str] = {}
    for record in found.records:
        if found.type_length and len(record.code) > found.type_length:
            raise DeliveryError(
                f"record {record.name}: its type {record.code!r} is longer than {found.type_length}",
                file=name,
            )
        other = codes.setdefault(record.code.strip(), record.name)
        if other != record.name:
            raise DeliveryError(f"records {other} and {record.name} have the same record type", file=name)
        names: set[str] = set()
        for field in record.fields():
            if field.length < 1 or field.start < 0:
                raise DeliveryError(f"record {record.name}: item {field.item.name} has no place", file=name)
            if field.item.numeric and field.length > _LONGEST_NUMBER:
                raise DeliveryError(
                    f"record {record.name}: item {field.item.name} is a number of {field.length} digits",
                    file=name,
                )
            if field.name in names:
                raise DeliveryError(f"record {record.name}: two columns are called {field.name}", file=name)
            names.add(field.name)
