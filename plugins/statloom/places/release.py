"""A new release of a national list of places: what changed against the registry, and how it is taken in.

Codes are no identity: a unit whose code changes with its parent's is one recode, not one unit gone and one
new. Units are followed from the top down, by code and name, then by name within their parent, then by name.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from statloom.errors import StatloomError
from statloom.places.gates import faults
from statloom.places.linking import link
from statloom.places.normalise import normalise
from statloom.places.registry import Registry, day_number

KINDS = ("unchanged", "renamed", "recoded", "moved", "created", "dissolved")


@dataclass(frozen=True)
class Release:
    """A list of places.

    ``units`` has text columns ``level, code, name, parent`` (a code of a level above, '' at the top);
    ``levels`` orders the levels from the top down.
    """

    units: pd.DataFrame
    levels: tuple[str, ...]


def read(frame: pd.DataFrame, *, level: str, code: str, name: str, parent: str) -> Release:
    """Return the release in the columns of ``frame``.

    Raises StatloomError, naming the row (the header is row 1), for a column that is missing, a code that is
    empty or used twice on its level, a name that is empty, a parent that is not in the list, and levels that
    go in a circle.
    """
    wanted = {"level": level, "code": code, "name": name, "parent": parent}
    missing = [column for column in wanted.values() if column not in frame.columns]
    if missing:
        known = ", ".join(map(str, frame.columns))
        raise StatloomError(f"there is no column {', '.join(missing)}; there are {known}")
    units = pd.DataFrame({role: frame[column] for role, column in wanted.items()}).reset_index(drop=True)
    units = units.fillna("").apply(lambda texts: texts.astype("str").str.strip())
    for column in ("level", "code", "name"):
        _refuse(units, units[column] == "", f"{column} is empty")
    _refuse(units, units.duplicated(["level", "code"]), "the code is used twice on its level: ", "code")
    of_code = units.drop_duplicates("code", keep=False).set_index("code")["level"]
    _refuse(
        units, (units["parent"] != "") & ~units["parent"].isin(units["code"]), "no such parent: ", "parent"
    )
    above = units.assign(up=units["parent"].map(of_code))
    above = above[above["up"].notna() & (above["up"] != above["level"])]
    order = above.groupby("level")["up"].agg(lambda ups: ups.mode().iat[0]).to_dict()
    levels, left = [], list(dict.fromkeys(units["level"]))
    while left:
        ready = [one for one in left if order.get(one) not in left]
        if not ready:
            raise StatloomError(f"the levels {', '.join(left)} are above each other in a circle")
        levels += ready
        left = [one for one in left if one not in ready]
    return Release(units, tuple(levels))


def _refuse(units: pd.DataFrame, wrong: pd.Series, reason: str, column: str | None = None) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise StatloomError(f"row {row + 2}: {reason}{units[column].iat[row] if column else ''}")


def compare(registry: Registry, release: Release, *, scheme: str, date) -> pd.DataFrame:
    """Return what the release changes against the places that have codes of ``scheme`` on ``date``.

    One row a unit: ``change`` (one of ``KINDS``; of several that hold, moved before recoded before renamed),
    ``level``, ``place_id`` ('' for created), ``code_before, code, name_before, name, parent_before, parent``
    (names of parents), and ``method`` by which the two were found to be one.
    """
    old = _before(registry, scheme, date)
    new = release.units.assign(key=normalise(release.units["name"])["key"])
    same: dict[int, tuple[int, str]] = {}
    above: dict[int, int] = {}
    parent_rows = np.full(len(new), -1)
    own = pd.MultiIndex.from_frame(new[["level", "code"]])
    for level in release.levels:
        part, known = new[new["level"] == level], old[old["level"] == level]
        rows = _parent_rows(release, own, part)
        # Where the unit's parent is an old place, both lists speak of one parent.
        part = part.assign(parent=[above.get(row, -1) for row in rows], parent_row=rows)
        parent_rows[part.index] = rows
        found = _follow(part, known)
        same.update(found)
        above.update({unit: place for unit, (place, _) in found.items()})
    return _changes(registry, old, new, same, parent_rows)


def _before(registry: Registry, scheme: str, date) -> pd.DataFrame:
    if scheme not in registry.schemes:
        raise StatloomError(f"place scheme {scheme!r} is not in the registry")
    day = day_number(date)
    codes = registry.codes(scheme)
    places = registry.places
    old = codes.merge(places[["position", "place_name", "parent_id", "begins", "ends"]], on="position")
    old = old[(old["begins"] <= day) & (day < old["ends"])]
    old = old.assign(
        parent=registry.index.get_indexer(old["parent_id"]), key=normalise(old["place_name"])["key"]
    )
    old = old.rename(columns={"place_level": "level", "place_code": "code", "place_name": "name"})
    return old.set_index("position", drop=False)


def _parent_rows(release: Release, index: pd.MultiIndex, part: pd.DataFrame) -> np.ndarray:
    """Return the row of each unit's parent: on the nearest level above that has its code, -1 where none."""
    found = np.full(len(part), -1)
    for level in release.levels[: release.levels.index(part["level"].iat[0])]:
        at = index.get_indexer(pd.MultiIndex.from_arrays([[level] * len(part), part["parent"]]))
        found = np.where(at >= 0, at, found)
    return found


def _follow(part: pd.DataFrame, known: pd.DataFrame) -> dict[int, tuple[int, str]]:
    """Return old place and method for each unit of one level that has one."""
    found: dict[int, tuple[int, str]] = {}

    def left() -> pd.DataFrame:
        return part.drop(list(found))

    def kept() -> pd.DataFrame:
        return known.drop([place for place, _ in found.values()])

    def take(pairs: pd.DataFrame, method: str) -> None:
        found.update({unit: (old, method) for unit, old in zip(pairs["new"], pairs["old"], strict=True)})

    take(_joined(left(), kept(), ["code", "key"]), "code and name")
    take(_joined(left(), kept(), ["parent", "key"]), "name within the parent")
    links, _ = link(left()[["name", "parent"]], kept()[["name", "parent"]])
    take(links.rename(columns={"left": "new", "right": "old"}), "likeness within the parent")
    take(_joined(left(), kept(), ["code", "parent"]), "code within the parent")
    take(_joined(left(), kept(), ["key"]), "name")
    take(_beside_others(part, known, found), "name, beside others that moved alike")
    return found


def _joined(left: pd.DataFrame, known: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the pairs ``new, old`` that agree on columns and are alone with that on both sides."""
    a, b = (frame[columns].rename_axis(name).reset_index() for frame, name in ((left, "new"), (known, "old")))
    a, b = (frame[~frame.duplicated(columns, keep=False) & (frame[columns[-1]] != "")] for frame in (a, b))
    return a.merge(b, on=columns)[["new", "old"]]


def _beside_others(part: pd.DataFrame, known: pd.DataFrame, found: dict) -> pd.DataFrame:
    """Return the namesakes that others tell apart, which went from the same old to the same new parent."""
    ways = {(known.at[old, "parent"], part.at[unit, "parent_row"]) for unit, (old, _) in found.items()}
    left = part.drop(list(found))[["key", "parent_row"]].rename_axis("new").reset_index()
    kept = (
        known.drop([place for place, _ in found.values()])[["key", "parent"]].rename_axis("old").reset_index()
    )
    pairs = left.merge(kept, on="key")
    taken = [way in ways for way in zip(pairs["parent"], pairs["parent_row"], strict=True)]
    pairs = pairs[np.array(taken, dtype=bool)]
    alone = ~pairs.duplicated("new", keep=False) & ~pairs.duplicated("old", keep=False)
    return pairs.loc[alone, ["new", "old"]]


def _changes(
    registry: Registry, old, new, same: dict[int, tuple[int, str]], rows: np.ndarray
) -> pd.DataFrame:
    """Lay out what became of every unit of both lists; ``rows`` are the rows of the new units' parents."""
    name_of = registry.places["place_name"].to_numpy(dtype=object)
    place_of = {unit: place for unit, (place, _) in same.items()}
    after = pd.DataFrame({"position": [place_of.get(unit, -1) for unit in new.index]}, index=new.index)
    after["level"], after["code"], after["name"] = new["level"], new["code"], new["name"]
    after["parent"] = [new["name"].iat[row] if row >= 0 else "" for row in rows]
    after["parent_place"] = [place_of.get(row, -1) if row >= 0 else -1 for row in rows]
    after["method"] = [same[unit][1] if unit in same else "" for unit in new.index]
    before = old[["level", "code", "name", "parent", "key"]].rename(columns={"parent": "parent_place"})
    before = before.assign(parent=[name_of[at] if at >= 0 else "" for at in before["parent_place"]])
    before = before.rename_axis("position").reset_index()
    both = after.merge(before, on="position", how="outer", suffixes=("", "_before"), indicator=True)
    both["level"] = both["level"].fillna(both["level_before"])
    texts = ["code_before", "code", "name_before", "name", "parent_before", "parent", "method"]
    both[texts] = both[texts].fillna("")
    moved = both["parent_place"] != both["parent_place_before"]
    renamed = (
        normalise(both["name"])["folded"].to_numpy() != normalise(both["name_before"])["folded"].to_numpy()
    )
    both["change"] = np.select(
        [
            both["_merge"] == "left_only",
            both["_merge"] == "right_only",
            moved & (both["parent_place"] >= 0) | moved & (both["parent_before"] != both["parent"]),
            both["code"] != both["code_before"],
            renamed,
        ],
        ["created", "dissolved", "moved", "recoded", "renamed"],
        "unchanged",
    )
    ids = np.append(registry.index.to_numpy(dtype=object), "")
    both["place_id"] = ids[both["position"].to_numpy(np.int64)]
    order = both["change"].map({kind: number for number, kind in enumerate(KINDS)})
    both = both.assign(order=order).sort_values(["order", "level", "code", "code_before"], kind="stable")
    return both[["change", "level", "place_id", *texts]].reset_index(drop=True)


def take_in(
    registry: Registry,
    release: Release,
    changes: pd.DataFrame,
    *,
    scheme: str,
    vintage: str,
    valid_from: str,
    custodian: str,
    source: str,
) -> dict[str, pd.DataFrame]:
    """Return the seeds with the release as a new, current vintage on a new scheme; nothing is written.

    ``changes``: of ``compare``. What goes on becomes a link of the crosswalk, weight 1; what was dissolved
    has no successor yet: a person adds it. The vintage that was current ends on ``valid_from``. Raises
    StatloomError when scheme or vintage exist already, or the seeds would not hold together.
    """
    if scheme in registry.schemes:
        raise StatloomError(f"place scheme {scheme!r} exists already; a release gets a scheme of its own")
    seeds = {name: frame.copy() for name, frame in registry.seeds.items()}
    vintages = seeds["place_vintage"]
    if vintage in set(vintages["place_vintage"]):
        raise StatloomError(f"place vintage {vintage!r} exists already")
    ending = vintages["is_current"].str.lower() == "true"
    ended = seeds["place"]["place_vintage"].isin(vintages.loc[ending, "place_vintage"])
    seeds["place"].loc[ended & (seeds["place"]["valid_to"] == ""), "valid_to"] = valid_from
    vintages.loc[ending & (vintages["valid_to"] == ""), "valid_to"] = valid_from
    vintages["is_current"] = "false"

    units = release.units
    ids = vintage + ":" + units["level"] + ":" + units["code"]
    own = pd.MultiIndex.from_frame(units[["level", "code"]])
    rows = np.full(len(units), -1)
    for level in release.levels:
        part = units[units["level"] == level]
        rows[part.index] = _parent_rows(release, own, part)
    there = changes[changes["change"] != "dissolved"].set_index(["level", "code"])
    before = there["place_id"].reindex(own).to_numpy(dtype=object)
    known = registry.places.set_index("place_id")
    kept = pd.Series(before, index=units.index).map
    new = {
        "place_vintage": {"place_vintage": [vintage], "title": [source], "valid_from": [valid_from]},
        "place_scheme": {
            "place_scheme": [scheme],
            "title": [source],
            "custodian": [custodian],
            "valid_from": [valid_from],
            "source": [source],
        },
        "place": {
            "place_id": ids,
            "place_vintage": vintage,
            "place_level": units["level"],
            "place_name": units["name"],
            "place_name_ne": kept(known["place_name_ne"]),
            "place_type": kept(known["place_type"]),
            "parent_id": np.append(ids.to_numpy(dtype=object), "")[rows],
            "valid_from": valid_from,
            "is_statistical": kept(known["is_statistical"]).fillna("True"),
        },
        "place_code": {
            "place_scheme": scheme,
            "place_level": units["level"],
            "place_code": units["code"],
            "place_id": ids,
            "place_code_name": units["name"],
            "place_vintage": vintage,
        },
        "place_change": {
            "from_place_id": before,
            "to_place_id": ids,
            "change_type": there["change"].reindex(own).replace("unchanged", "continued").to_numpy(),
            "changed_on": valid_from,
        },
        "crosswalk": {
            "from_place_id": before,
            "to_place_id": ids,
            "basis": "whole",
            "weight": "1.000000000",
            "weight_se": "0.000000",
            "quality": "exact",
            "note": there["change"].reindex(own).to_numpy(),
        },
    }
    new = {name: pd.DataFrame(columns) for name, columns in new.items()}
    new["place_vintage"]["is_current"] = "true"
    new["crosswalk"] = new["crosswalk"][new["crosswalk"]["from_place_id"] != ""]
    gone = changes.loc[changes["change"] == "dissolved", "place_id"]
    end = {"from_place_id": gone, "to_place_id": "", "change_type": "dissolved", "changed_on": valid_from}
    new["place_change"] = pd.concat([new["place_change"], pd.DataFrame(end)])
    for name, frame in new.items():
        more = frame.reindex(columns=seeds[name].columns).astype("object").fillna("").astype("str")
        seeds[name] = pd.concat([seeds[name], more], ignore_index=True)
    found = faults(seeds)
    if len(found):
        first = found.iloc[0]
        raise StatloomError(
            f"{first['seed']}.csv, row {first['row']}: {first['reason']} (and {len(found) - 1} more)"
        )
    return seeds
