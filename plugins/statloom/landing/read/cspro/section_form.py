"""The dictionary of CSPro up to 7.7: sections such as [Item], with a key and its value a line."""

import re
from dataclasses import dataclass, field, replace

from statloom.errors import DeliveryError
from statloom.landing.read.cspro.dictionary import Dictionary, Item, RecordType, Value, ValueSet, steps

# Codes of texts stand in quotation marks, and both they and the label may have a semicolon.
_QUOTED = re.compile(r"((?:'[^']*'\s*)+);?(.*)", re.DOTALL)
_SECTIONS = ("dictionary", "languages", "level", "iditems", "record", "item", "valueset", "relation")


@dataclass
class _Section:
    name: str
    line: int
    pairs: list[tuple[str, str, int]] = field(default_factory=list)

    def get(self, key: str, default: str | None = None) -> str | None:
        return next((value for k, value, _ in self.pairs if k == key), default)

    def number(self, key: str, file: str, default: int | None = None) -> int:
        for k, value, line in self.pairs:
            if k == key.lower():
                if not value.isdigit():
                    raise DeliveryError(f"{key} is {value!r}, and must be a number", file=file, row=line)
                return int(value)
        if default is None:
            raise DeliveryError(f"the [{self.name}] has no {key}", file=file, row=self.line)
        return default


def parse(text: str, name: str) -> Dictionary:
    """Return the dictionary in ``text``. Raises DeliveryError, with the line, when it is not valid."""
    sections = _sections(text, name)
    if not sections or sections[0].name != "dictionary":
        raise DeliveryError("not a CSPro dictionary: it does not begin with [Dictionary]", file=name)
    head = sections[0]
    languages: tuple[str, ...] = ("en",)
    value_sets: dict[str, tuple[Value, ...]] = {}
    levels: list[tuple[list[Item], list[tuple[_Section, list[Item]]]]] = []
    items: list[Item] | None = None
    parent: Item | None = None
    for section in sections[1:]:
        if section.name == "languages":
            languages = tuple(key for key, _, _ in section.pairs) or languages
        elif section.name == "level":
            levels.append(([], []))
            items = None
        elif section.name in ("iditems", "record"):
            if not levels:
                raise DeliveryError(f"[{section.name}] before any [Level]", file=name, row=section.line)
            if section.name == "iditems":
                items = levels[-1][0]
            else:
                items = []
                levels[-1][1].append((section, items))
            parent = None
        elif section.name == "item":
            if items is None:
                raise DeliveryError(
                    "an [Item] outside of [IdItems] and [Record]", file=name, row=section.line
                )
            item, parent = _item(section, items, parent, name)
            items.append(item)
        elif section.name == "valueset":
            if not items:
                raise DeliveryError("a [ValueSet] without an [Item]", file=name, row=section.line)
            items[-1] = _with_value_set(items[-1], section, value_sets, name)
    records, above = [], ()
    for ids, of_level in levels:
        above = (*above, *ids)
        for section, own in of_level:
            records.append(
                RecordType(
                    name=_name(section, name),
                    code=_unquoted(section.get("recordtypevalue", "")),
                    items=tuple(own),
                    ids=above,
                    required=section.get("required", "yes").lower() == "yes",
                    maximum=section.number("MaxRecords", name, 1),
                )
            )
    length = head.number("RecordTypeLen", name, 0)
    start = max(head.number("RecordTypeStart", name, 0 if length == 0 else None), 1)
    return Dictionary(
        _name(head, name), start, length, tuple(records), tuple(levels[0][0]) if levels else (), languages
    )


def _sections(text: str, name: str) -> list[_Section]:
    found: list[_Section] = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith(";"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip().lower()
            if section not in _SECTIONS:
                raise DeliveryError(f"a CSPro dictionary has no section {line}", file=name, row=number)
            found.append(_Section(section, number))
            continue
        key, equals, value = line.partition("=")
        if not equals or not found:
            raise DeliveryError(
                "not a CSPro dictionary: neither a section nor Key=Value", file=name, row=number
            )
        found[-1].pairs.append((key.strip().lower(), value.strip(), number))
    return found


def _name(section: _Section, file: str) -> str:
    found = section.get("name")
    if not found:
        raise DeliveryError(f"the [{section.name}] has no Name", file=file, row=section.line)
    return found


def _item(section: _Section, items: list[Item], parent: Item | None, file: str) -> tuple[Item, Item | None]:
    length = section.number("Len", file, 1)
    subitem = section.get("itemtype", "item").lower() == "subitem"
    try:
        occurrences, step = steps(section.number("Occurrences", file, 1), length, parent if subitem else None)
    except ValueError as error:
        raise DeliveryError(f"item {_name(section, file)}: {error}", file=file, row=section.line) from None
    numeric = section.get("datatype", "numeric").lower() != "alpha"
    item = Item(
        name=_name(section, file),
        start=section.number("Start", file),
        length=length,
        numeric=numeric,
        decimals=section.number("Decimal", file, 0) if numeric else 0,
        decimal_mark=section.get("decimalchar", "no").lower() == "yes",
        occurrences=occurrences,
        step=step,
        labels=tuple(section.get("label", "").split("|")),
    )
    return item, parent if subitem else item


def _with_value_set(item: Item, section: _Section, known: dict, file: str) -> Item:
    link = section.get("link")
    values: list[Value] = []
    for key, text, line in section.pairs:
        if key == "value":
            values.append(_value(text, line, item, file))
        elif key == "name" and values:
            values[-1] = replace(values[-1], special=text)
    if link:
        values = list(known.setdefault(link, tuple(values))) if values else list(known.get(link, ()))
    found = ValueSet(_name(section, file), tuple(values))
    return replace(item, value_sets=(*item.value_sets, found))


def _value(text: str, line: int, item: Item, file: str) -> Value:
    quoted = _QUOTED.match(text)
    pairs: list[tuple[str, str | None]] = []
    if quoted:
        codes, label = quoted[1], quoted[2]
        pairs = [(code, None) for code in codes.split("'")[1::2]]
    else:
        codes, _, label = text.partition(";")
        for part in codes.split():
            low, colon, high = part.partition(":")
            pairs.append((low, high if colon else None))
    if item.numeric:
        for number in (number for pair in pairs for number in pair if number is not None and number.strip()):
            if not _is_number(number):
                raise DeliveryError(
                    f"item {item.name} is numeric, and its value set has {number!r}", file=file, row=line
                )
    return Value(tuple(part.strip() for part in label.split("|")), tuple(pairs))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
