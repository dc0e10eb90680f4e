"""What the health MIS holds, and the queries that its Web API offers over it."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent / "dhis2"
ID_SCHEMES = {"UID": "id", "ID": "id", "CODE": "code", "NAME": "name"}
# 1 Shrawan 2071 and the last day of Asar 2072.
PERIODS = {"2071April": ("2014-07-17", "2015-07-16")}
_FILTER = re.compile(r"^(?P<property>[A-Za-z.]+):(?P<operator>!?[a-z]+):(?P<value>.*)$")
_FIELD = re.compile(r"[^,\[\]]+|[\[\],]")


class Conflict(Exception):
    """A query that DHIS2 refuses with status 409; carries its error code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class NotFound(Exception):
    """An object that is not there: status 404."""


@dataclass
class Store:
    """The tables of one DHIS2 instance, by API collection name."""

    system: dict[str, Any]
    collections: dict[str, list[dict[str, Any]]]
    values: list[dict[str, str]]
    elements_of: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path = TABLES) -> Store:
        """Read the tables of `folder` (see demo/README.md)."""
        system = json.loads((folder / "system.json").read_text(encoding="utf-8"))
        units = _read(folder / "organisation_units.csv")
        elements = _read(folder / "data_elements.csv")
        sets = _read(folder / "data_sets.csv")
        elements_of: dict[str, set[str]] = {data_set["id"]: set() for data_set in sets}
        for element in elements:
            elements_of[element["dataSet"]].add(element["id"])
        collections = {
            "organisationUnits": [_organisation_unit(unit) for unit in units],
            "dataElements": [_data_element(element) for element in elements],
            "dataSets": [_data_set(data_set, elements_of[data_set["id"]]) for data_set in sets],
        }
        return cls(system, collections, _read(folder / "data_values.csv"), elements_of)

    def select(self, collection: str, filters: list[str], order: str = "") -> list[dict[str, Any]]:
        """Return the objects of `collection` that pass every filter (`property:operator:value`).

        `order` is DHIS2's, `level:asc,name:desc`; without it they come as the tables have them.
        """
        objects = self.collections[collection]
        for text in filters:
            objects = [found for found in objects if _passes(found, text)]
        for part in reversed([part for part in order.split(",") if part]):
            name, _, direction = part.partition(":")
            if direction not in ("", "asc", "desc", "iasc", "idesc"):
                raise Conflict(f"`{direction}` is not a direction to sort in", "E1003")
            fold = str.lower if direction.startswith("i") else str
            objects = sorted(
                objects, key=lambda found: fold(str(found.get(name, ""))), reverse=direction.endswith("desc")
            )
        return objects

    def one(self, collection: str, uid: str) -> dict[str, Any]:
        """Return the object `uid` of `collection`; raises NotFound."""
        for found in self.collections[collection]:
            if found["id"] == uid:
                return found
        kind = collection[0].upper() + collection[1:-1]
        raise NotFound(f"{kind} with id {uid} could not be found.")

    def data_value_set(self, parameters: dict[str, list[str]]) -> dict[str, Any]:
        """Answer `/api/dataValueSets`: all matching data values at once, DHIS2 does not page them.

        Raises Conflict when a required parameter is missing or names nothing known.
        """
        scheme = _first(parameters, "inputIdScheme", "UID")
        sets = self._known("dataSets", parameters.get("dataSet", []), scheme)
        if not sets:
            raise Conflict(
                "At least one data set, data element group or data element must be specified", "E2001"
            )
        periods = self._periods(parameters)
        units = self._known("organisationUnits", parameters.get("orgUnit", []), scheme)
        if not units:
            raise Conflict("At least one organisation unit or group must be specified", "E2006")
        limit = _first(parameters, "limit", "")
        if limit and int(limit) < 0:
            raise Conflict(f"Limit cannot be less than zero: `{limit}`", "E2009")
        wanted_units = set(units)
        if _first(parameters, "children", "false").lower() == "true":
            wanted_units |= {
                unit["id"]
                for unit in self.collections["organisationUnits"]
                if wanted_units & set(unit["path"].split("/"))
            }
        wanted_elements = set().union(*(self.elements_of[uid] for uid in sets))
        since = _first(parameters, "lastUpdated", "")
        constants = self.system["dataValue"]
        rename_element = self._renaming("dataElements", "dataElementIdScheme", parameters)
        rename_unit = self._renaming("organisationUnits", "orgUnitIdScheme", parameters)
        found = [
            {
                **value,
                **constants,
                "dataElement": rename_element[value["dataElement"]],
                "orgUnit": rename_unit[value["orgUnit"]],
            }
            for value in self.values
            if value["dataElement"] in wanted_elements
            and value["orgUnit"] in wanted_units
            and value["period"] in periods
            and constants["lastUpdated"] >= since
        ]
        found = found[: int(limit)] if limit else found
        answer: dict[str, Any] = {}
        if len(sets) == len(periods) == len(wanted_units) == 1:
            answer = {"dataSet": sets[0], "period": periods[0], "orgUnit": units[0]}
        return answer | ({"dataValues": found} if found else {})

    def _known(self, collection: str, given: list[str], scheme: str) -> list[str]:
        """Return the ids of the objects that `given` names; unknown ones drop out."""
        key = ID_SCHEMES.get(scheme.upper(), "id")
        by_key = {found.get(key): found["id"] for found in self.collections[collection]}
        names = [name for text in given for name in text.split(",")]
        return [by_key[name] for name in names if name in by_key]

    def _periods(self, parameters: dict[str, list[str]]) -> list[str]:
        given = [name for text in parameters.get("period", []) for name in text.split(",") if name]
        start, end = _first(parameters, "startDate", ""), _first(parameters, "endDate", "")
        if given:
            return given
        if start and end:
            return [name for name, (first, last) in PERIODS.items() if start <= first and last <= end]
        if _first(parameters, "lastUpdated", ""):
            return sorted({value["period"] for value in self.values})
        raise Conflict(
            "At least one period, start/end dates, last updated or last updated duration must be specified",
            "E2002",
        )

    def _renaming(self, collection: str, scheme: str, parameters: dict[str, list[str]]) -> dict[str, str]:
        wanted = _first(parameters, scheme, _first(parameters, "idScheme", "UID"))
        key = ID_SCHEMES.get(wanted.upper(), "id")
        return {found["id"]: found[key] for found in self.collections[collection]}


def choose_fields(found: dict[str, Any], fields: str) -> dict[str, Any]:
    """Return the properties of `found` that the parameter `fields` asks for (`id,code,parent[id]`, `*`)."""
    return _choose(found, _parse_fields(fields))


def _parse_fields(text: str) -> dict[str, dict]:
    tree: dict[str, dict] = {}
    open_levels, last = [tree], ""
    for part in _FIELD.findall(text):
        if part == "[":
            open_levels.append(open_levels[-1].setdefault(last, {}))
        elif part == "]":
            if len(open_levels) > 1:
                open_levels.pop()
        elif part != ",":
            last = part.strip()
            open_levels[-1].setdefault(last, {})
    return tree


def _choose(found: Any, tree: dict[str, dict]) -> Any:
    if isinstance(found, list):
        return [_choose(item, tree) for item in found]
    if "*" in tree or ":all" in tree:
        return found
    chosen = {}
    for name, inner in tree.items():
        if isinstance(found, dict) and name in found:
            value = found[name]
            chosen[name] = _choose(value, inner) if inner else value
    return chosen


def _passes(found: dict[str, Any], text: str) -> bool:
    match = _FILTER.match(text)
    if match is None:
        raise Conflict(f"Filter `{text}` is invalid", "E1003")
    value: Any = found
    for name in match["property"].split("."):
        value = value.get(name) if isinstance(value, dict) else None
    actual, expected = "" if value is None else str(value), match["value"]
    match match["operator"]:
        case "eq":
            return actual == expected
        case "!eq" | "ne":
            return actual != expected
        case "in":
            return actual in expected.strip("[]").split(",")
        case "like":
            return expected in actual
        case "ilike":
            return expected.lower() in actual.lower()
    raise Conflict(f"`{match['operator']}` is not a valid operator.", "E1003")


def _first(parameters: dict[str, list[str]], name: str, default: str) -> str:
    return parameters.get(name, [default])[0]


def _read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _organisation_unit(row: dict[str, str]) -> dict[str, Any]:
    unit: dict[str, Any] = {**row, "displayName": row["name"], "level": int(row["level"])}
    if row["parent"]:
        unit["parent"] = {"id": row["parent"]}
    else:
        del unit["parent"]
    return unit


def _data_element(row: dict[str, str]) -> dict[str, Any]:
    element: dict[str, Any] = {**row, "displayName": row["name"], "domainType": "AGGREGATE"}
    element["zeroIsSignificant"] = True
    element["categoryCombo"] = {"id": "bjDvmb4bfuf"}
    element["dataSetElements"] = [{"dataSet": {"id": element.pop("dataSet")}}]
    return element


def _data_set(row: dict[str, str], elements: set[str]) -> dict[str, Any]:
    return {
        **row,
        "displayName": row["name"],
        "dataSetElements": [{"dataElement": {"id": uid}} for uid in sorted(elements)],
    }
