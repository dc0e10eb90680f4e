"""What a contract says of a public-use file: a file of unit records that is released to everybody."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from statloom.contracts import records
from statloom.contracts.source_text import Path_
from statloom.contracts.suggestion import suggestion

Problem = tuple[Path_, str]
LEVELS = ("country", "province", "district", "vdc", "local_unit")
"""Levels of places, from the coarsest."""
MAXIMUM_GLOBAL_RISK = 0.03
"""The limit of the Humanitarian Data Exchange for files of a survey."""

_NEVER = {
    "personal_identifier": "a personal identifier, and never goes out, hashed or not",
    "ignored": "not read (role ignored)",
    "key": "a number that identifies rows in the source's own files",
    "psu": "the sampling unit, which stands for a small place",
    "stratum": "a stratum of the design; the place level says how fine places may be",
    "weight": "the weight; name it in 'weight'",
    "place_name": "the name of a place; use its code",
    "place_level": "the level of a place; use its code",
    "place_parent": "the code of a place above; use that place's own column",
}
_NUMBERS = ("integer", "number")


@dataclass(frozen=True)
class Recoding:
    """What is made coarser of a variable. ``width``: bands of so many units, from ``start``; ``bottom``,
    ``top``: everything below, and from there on, is one; ``round``: numbers to multiples of it; ``groups``:
    new category → old ones; ``missing``: the category of what is missing.
    """

    width: float | None = None
    start: float = 0
    bottom: float | None = None
    top: float | None = None
    round: float | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: str | None = None


@dataclass(frozen=True)
class PublicUse:
    """A public-use file, as the contract's key ``public_use`` declares it."""

    licence: str
    terms: Mapping[str, str]
    keys: tuple[str, ...]
    k: int
    record: str | None = None
    edition: int = 1
    reason: str = ""
    weight: str | None = None
    weight_round: float | None = None
    place_level: str | None = None
    household: str | None = None
    household_variables: tuple[str, ...] = ()
    largest_household: int | None = None
    variables: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    l: Mapping[str, float] = field(default_factory=dict)  # noqa: E741  (as the literature calls it)
    subsets: Mapping[str, int] = field(default_factory=dict)
    recode: Mapping[str, Recoding] = field(default_factory=dict)
    sample: float | None = None
    maximum_global_risk: float = MAXIMUM_GLOBAL_RISK

    @property
    def listed(self) -> tuple[str, ...]:
        """Every variable that goes out, weight and numbers aside, each once."""
        return tuple(dict.fromkeys((*self.keys, *self.sensitive, *self.variables)))


def build(data: dict | None) -> PublicUse | None:
    """Return what the valid block ``data`` declares, None without one."""
    if data is None:
        return None
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
    }
    weight = given.pop("weight", None)
    weight = {"column": weight} if isinstance(weight, str) else weight or {}
    recode = {
        name: Recoding(
            **{key: value for key, value in rule.items() if key != "groups"},
            groups=MappingProxyType({new: tuple(old) for new, old in rule.get("groups", {}).items()}),
        )
        for name, rule in given.pop("recode", {}).items()
    }
    return PublicUse(
        **given
        | {name: MappingProxyType(given[name]) for name in ("terms", "l", "subsets") if name in given},
        recode=MappingProxyType(recode),
        weight=weight.get("column"),
        weight_round=weight.get("round"),
    )


def problems(data: dict) -> Iterator[Problem]:
    """Yield what does not fit together in ``public_use`` of ``data``, which satisfies the schema."""
    given = data.get("public_use")
    if given is None:
        return
    top = ("public_use",)
    if not records.microdata(data):
        yield top, "only microdata (a contract with 'estimation' or 'tabulation') have a public-use file"
        return
    declared = data.get("records", {})
    record = given.get("record", _lowest(declared))
    if "record" in given and record not in declared:
        yield (*top, "record"), f"no record {record!r}{suggestion(record, declared)}"
        return
    if given.get("edition", 1) > 1 and "reason" not in given:
        yield top, "'reason' is missing: two editions side by side can be intersected; say why that is safe"
    visible = records.visible(data, record)
    for part in ("keys", "sensitive", "variables"):
        for i, name in enumerate(given.get(part, [])):
            yield from _variable(data, given, (*top, part, i), name, visible, record)
    for part in ("sensitive", "variables"):
        for i, name in enumerate(given.get(part, [])):
            if name in given["keys"]:
                yield (*top, part, i), f"{name!r} is a key variable already"
    yield from _weight(data, given, visible)
    yield from _households(data, given, record, visible)
    yield from _diversity(given)
    for name, rule in given.get("recode", {}).items():
        if name not in (*given["keys"], *given.get("sensitive", ()), *given.get("variables", ())):
            yield (*top, "recode", name), f"{name!r} does not go out: it is no key and no other variable"
        elif name in data["columns"]:
            yield from _recoding((*top, "recode", name), rule, data["columns"][name])
    for size in given.get("subsets", {}):
        if int(size) >= len(given["keys"]):
            yield (*top, "subsets", size), f"there are only {len(given['keys'])} keys: 'k' is for all of them"


def _lowest(declared: dict) -> str | None:
    """Return the record that no other belongs to."""
    parents = {record.get("parent") for record in declared.values()}
    return next((name for name in declared if name not in parents), None)


def _variable(
    data: dict, given: dict, path: Path_, name: str, visible: dict, record: str | None
) -> Iterator[Problem]:
    column = data["columns"].get(name)
    if column is None:
        yield path, f"no column {name!r}{suggestion(name, data['columns'])}"
        return
    role, kind = column["role"], column.get("type", "text")
    if column.get("pseudonymise") or role in _NEVER:
        yield path, f"{name!r} is {_NEVER['personal_identifier' if column.get('pseudonymise') else role]}"
    elif name not in visible:
        yield path, f"rows of {record!r} have no column {name!r}: it is one of a record below"
    elif role == "place_code":
        finest = given.get("place_level")
        if finest is None:
            yield path, f"{name!r} is a place: 'place_level' must say how fine places may be"
        elif LEVELS.index(column["level"]) > LEVELS.index(finest):
            yield (
                path,
                f"{name!r} is a {column['level']}, finer than the place level {finest} that may go out",
            )
    elif kind == "date":
        yield path, f"{name!r} is a date, which tells too much of a person"
    elif kind == "text" and "categories" not in column and "codes" not in column:
        yield path, f"{name!r} is free text: it has neither 'categories' nor 'codes'"
    elif kind == "number" and not _coarser(given, name):
        yield (
            path,
            f"{name!r} is a number with decimals, which nearly everybody has alone: recode it,"
            " with 'width' or 'round'",
        )
    if path[1] == "keys" and kind == "number" and "width" not in given.get("recode", {}).get(name, {}):
        yield path, f"{name!r} is a key: of a number with decimals, only bands ('width') can be frequent"


def _coarser(given: dict, name: str) -> bool:
    rule = given.get("recode", {}).get(name, {})
    return "width" in rule or "round" in rule


def _weight(data: dict, given: dict, visible: dict) -> Iterator[Problem]:
    weight = given.get("weight")
    name = weight.get("column") if isinstance(weight, dict) else weight
    path = ("public_use", "weight")
    if name is None:
        if any(column["role"] == "weight" for column in visible.values()):
            yield ("public_use",), "'weight' is missing: the rows have one, and the risk depends on it"
    elif name not in data["columns"]:
        yield path, f"no column {name!r}{suggestion(name, data['columns'])}"
    elif data["columns"][name]["role"] != "weight" or name not in visible:
        yield path, f"column {name!r} is no weight of these rows"


def _households(data: dict, given: dict, record: str | None, visible: dict) -> Iterator[Problem]:
    parent = data.get("records", {}).get(record, {}).get("parent")
    column, top = given.get("household"), ("public_use",)
    if column is not None:
        if parent is not None:
            yield (*top, "household"), f"{record!r} belongs to {parent!r}: that is its household"
        elif column not in visible:
            yield (*top, "household"), f"no column {column!r}{suggestion(column, visible)}"
    elif "household_variables" in given:
        yield (*top, "household_variables"), "there is no 'household' that they could be of"
    for i, name in enumerate(given.get("household_variables", [])):
        if name not in (*given["keys"], *given.get("sensitive", ()), *given.get("variables", ())):
            yield (*top, "household_variables", i), f"{name!r} does not go out"
    if (parent or column) and "largest_household" not in given:
        yield (
            top,
            "'largest_household' is missing: rows of one household can be counted, so that their number"
            " is a key; larger households do not go out",
        )
    if not parent and not column and "largest_household" in given:
        yield (*top, "largest_household"), "the rows are in no households"


def _diversity(given: dict) -> Iterator[Problem]:
    if bool(given.get("sensitive")) != bool(given.get("l")):
        missing = "l" if given.get("sensitive") else "sensitive"
        yield ("public_use",), f"'{missing}' is missing: l-diversity is of sensitive variables"
    if "c" in given.get("l", {}) and "recursive" not in given["l"]:
        yield ("public_use", "l", "c"), "only recursive l-diversity has a c"


def _recoding(path: Path_, rule: dict, column: dict) -> Iterator[Problem]:
    kind = column.get("type", "text")
    for key in ("width", "start", "bottom", "top", "round"):
        if key in rule and kind not in _NUMBERS:
            yield (*path, key), f"only a number has a {key}; categories are put together in 'groups'"
    if "groups" in rule and kind in _NUMBERS and "categories" not in column:
        yield (*path, "groups"), "a number has no categories; use 'width'"
    if "width" in rule and "round" in rule:
        yield (*path, "round"), "either bands ('width') or rounded numbers"
    if rule.get("bottom", float("-inf")) >= rule.get("top", float("inf")):
        yield (*path, "bottom"), "the bottom is not below the top"
    if kind in _NUMBERS and "missing" in rule and "width" not in rule and "categories" not in column:
        yield (*path, "missing"), "a number that is not in bands has no category for what is missing"
    categories, seen = column.get("categories"), set()
    for new, old in rule.get("groups", {}).items():
        for category in old:
            if categories and category not in categories:
                yield (
                    (*path, "groups", new),
                    f"{category!r} is not a category{suggestion(category, categories)}",
                )
            if category in seen:
                yield (*path, "groups", new), f"{category!r} is in two groups"
            seen.add(category)
