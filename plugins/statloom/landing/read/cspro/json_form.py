"""The dictionary of CSPro 8: JSON."""

import json

from statloom.errors import DeliveryError
from statloom.landing.read.cspro.dictionary import Dictionary, Item, RecordType, Value, ValueSet, steps


def parse(text: str, name: str) -> Dictionary:
    """Return the dictionary in ``text``. Raises DeliveryError when it is not valid."""
    try:
        document = json.loads(text)
        if document.get("fileType", "dictionary") != "dictionary":
            raise DeliveryError(f"a CSPro file, but a {document['fileType']}, no dictionary", file=name)
        return _dictionary(document)
    except json.JSONDecodeError as error:
        raise DeliveryError(
            f"not a CSPro dictionary: {error.msg}, column {error.colno}", file=name, row=error.lineno
        ) from None
    except KeyError as error:
        raise DeliveryError(f"not a CSPro dictionary: {error.args[0]!r} is missing", file=name) from None
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DeliveryError(f"not a CSPro dictionary: {error}", file=name) from None


def _dictionary(document: dict) -> Dictionary:
    languages = tuple(each["name"].lower() for each in document.get("languages", [])) or ("en",)
    kind = document.get("recordType", {})
    type_start, type_length = int(kind.get("start", 0)), int(kind.get("length", 0))
    value_sets: dict[str, tuple[Value, ...]] = {}
    levels = document["levels"]
    ids_of_levels = [_items(level["ids"]["items"], 0, languages, value_sets) for level in levels]
    # Items without a place of their own stand behind the record type and the identifiers of all levels.
    taken = [item.end for ids in ids_of_levels for item in ids]
    first = max([max(type_start, 1) - 1 + type_length, *taken]) + 1
    records, above = [], ()
    for level, ids in zip(levels, ids_of_levels, strict=True):
        above = (*above, *ids)
        for record in level.get("records", []):
            occurrences = record.get("occurrences", {})
            records.append(
                RecordType(
                    name=record["name"],
                    code=str(record.get("recordType", "")),
                    items=tuple(_items(record.get("items", []), first, languages, value_sets)),
                    ids=above,
                    required=bool(occurrences.get("required", True)),
                    maximum=int(occurrences.get("maximum", 1)),
                )
            )
    return Dictionary(
        document["name"],
        max(type_start, 1),
        type_length,
        tuple(records),
        tuple(ids_of_levels[0]),
        languages,
    )


def _items(given: list[dict], first: int, languages: tuple, value_sets: dict) -> list[Item]:
    found: list[Item] = []
    next_start, parent = first, None
    for each in given:
        occurrences = int(each.get("occurrences", {}).get("maximum", 1))
        length = int(each.get("length", 1))
        subitem = bool(each.get("subitem", False))
        if "start" in each:
            start = int(each["start"])
        elif subitem and parent is not None:
            start = parent.start + int(each["subitemOffset"])
        else:
            start = next_start
        content = str(each["contentType"]).lower()
        if content not in ("numeric", "alpha"):
            # Pictures and documents lie in files beside the data; one character stands in their place.
            content = "alpha"
        decimals = int(each.get("decimals", 0)) if content == "numeric" else 0
        occurrences, step = steps(occurrences, length, parent if subitem else None)
        item = Item(
            name=each["name"],
            start=start,
            length=length,
            numeric=content == "numeric",
            decimals=decimals,
            decimal_mark=bool(each.get("decimalMark", False)) if decimals else False,
            occurrences=occurrences,
            step=step,
            labels=_labels(each, languages),
            value_sets=tuple(_value_set(v, languages, value_sets) for v in each.get("valueSets", [])),
        )
        found.append(item)
        if not subitem:
            parent, next_start = item, item.end + 1
    return found


def _value_set(given: dict, languages: tuple, known: dict) -> ValueSet:
    link = given.get("link")
    if "values" not in given and link in known:
        return ValueSet(given["name"], known[link])
    values = tuple(
        Value(
            _labels(value, languages),
            tuple(
                (str(pair["range"][0]), str(pair["range"][1]))
                if "range" in pair
                else (str(pair["value"]), None)
                for pair in value.get("pairs", [])
            ),
            value.get("special"),
        )
        for value in given.get("values", [])
    )
    if link:
        known[link] = values
    return ValueSet(given["name"], values)


def _labels(given: dict, languages: tuple) -> tuple[str, ...]:
    """Return the labels in the order of the dictionary's languages."""
    labels = given.get("labels", [])
    if len(languages) < 2:
        return tuple(each["text"] for each in labels[:1])
    by_language = {each.get("language", languages[0]).lower(): each["text"] for each in labels}
    return tuple(by_language.get(language, "") for language in languages)
