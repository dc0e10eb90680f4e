"""What the report says of the registry of places itself."""

from typing import Any

import pandas as pd

from statloom.places import Registry
from statloom.quality.report.places import rejected_codes
from statloom.quality.report.shading import depths, is_true


def facts(registry: Registry) -> dict[str, Any]:
    """Return what the registry holds.

    Keys: ``vintages`` (with ``levels``: level, places, statistical), ``schemes`` (with ``levels``:
    place_level, codes, places), ``names`` (by kind, language and script), ``changes`` (by editions, level and
    type), ``crosswalk`` (by editions, level and basis: links, units, divided), ``rejected`` (codes, with
    reason).
    """
    seeds = registry.seeds
    return {
        "vintages": _vintages(registry),
        "schemes": _schemes(registry),
        "names": _counted(seeds["place_name"], ["name_kind", "language", "script"], "names"),
        "changes": _changes(registry),
        "crosswalk": _crosswalk(registry),
        "rejected": rejected_codes(registry).to_dict("records"),
    }


def _vintages(registry: Registry) -> list[dict[str, Any]]:
    places = registry.places.assign(statistical=registry.places["is_statistical"].map(is_true))
    found = []
    for vintage in registry.seeds["place_vintage"].to_dict("records"):
        depth = depths(registry, vintage["place_vintage"])
        of_vintage = places[places["place_vintage"] == vintage["place_vintage"]]
        counts = of_vintage.groupby("place_level")["statistical"].agg(["size", "sum"])
        levels = [
            {
                "level": level,
                "places": int(counts.at[level, "size"]),
                "statistical": int(counts.at[level, "sum"]),
            }
            for level in sorted(counts.index, key=depth.get)
        ]
        found.append(vintage | {"is_current": is_true(vintage["is_current"]), "levels": levels})
    return found


def _schemes(registry: Registry) -> list[dict[str, Any]]:
    codes = registry.seeds["place_code"]
    counts = codes.groupby(["place_scheme", "place_level"]).agg(
        codes=("place_code", "size"), places=("place_id", "nunique")
    )
    depth: dict[str, int] = {}
    for vintage in registry.seeds["place_vintage"]["place_vintage"]:
        depth = depths(registry, vintage) | depth
    counts = counts.reset_index().sort_values("place_level", key=lambda levels: levels.map(depth))
    return [
        scheme
        | {
            "levels": counts[counts["place_scheme"] == scheme["place_scheme"]]
            .drop(columns="place_scheme")
            .to_dict("records")
        }
        for scheme in registry.seeds["place_scheme"].to_dict("records")
    ]


def _changes(registry: Registry) -> list[dict[str, Any]]:
    changes = registry.seeds["place_change"]
    both = _ends(registry, changes)
    both = both.assign(change_type=changes["change_type"], changed_on=changes["changed_on"])
    counts = (
        both.groupby(["from_vintage", "to_vintage", "level", "change_type"])
        .agg(changes=("changed_on", "size"), first=("changed_on", "min"), last=("changed_on", "max"))
        .reset_index()
    )
    return counts.to_dict("records")


def _crosswalk(registry: Registry) -> list[dict[str, Any]]:
    links = registry.seeds["crosswalk"]
    if links.empty:
        return []
    both = _ends(registry, links).assign(basis=links["basis"], unit=links["from_place_id"])
    both["parts"] = links.groupby([links["from_place_id"], both["to_vintage"]])["to_place_id"].transform(
        "nunique"
    )
    keys = ["from_vintage", "to_vintage", "level", "basis"]
    counts = both.groupby(keys).agg(links=("unit", "size"), units=("unit", "nunique")).reset_index()
    divided = both[both["parts"] > 1].groupby(keys)["unit"].nunique().rename("divided")
    counts = counts.merge(divided, on=keys, how="left").fillna({"divided": 0}).astype({"divided": int})
    return counts.to_dict("records")


def _ends(registry: Registry, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the editions and the levels that the rows of a seed lead between, '' where there is no place."""
    places = registry.places.set_index("place_id")
    start, end = frame["from_place_id"], frame["to_place_id"]
    from_level, to_level = (side.map(places["place_level"]).fillna("") for side in (start, end))
    level = from_level.where((to_level == "") | (from_level == to_level), from_level + " → " + to_level)
    return pd.DataFrame(
        {
            "from_vintage": start.map(places["place_vintage"]).fillna(""),
            "to_vintage": end.map(places["place_vintage"]).fillna(""),
            "level": level.where(from_level != "", to_level),
        }
    )


def _counted(frame: pd.DataFrame, columns: list[str], name: str) -> list[dict[str, Any]]:
    return frame.groupby(columns).size().rename(name).reset_index().to_dict("records")
