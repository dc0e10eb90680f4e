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
from statloom.places.normalise import LONGEST_NAME, normalise
from statloom.places.registry import Registry, day_number, plain_codes

KINDS = ("unchanged", "renamed", "recoded", "moved", "created", "dissolved", "merged", "split")


@dataclass(frozen=True)
class Release:
    """A list of places.

    ``units`` has text columns ``level, code, name, parent`` (a code of a level above, '' at the top) and
    ``type`` ('' where the list does not say); ``levels`` orders the levels from the top down. ``names``:
    names in other languages, columns ``row`` (of units), ``place_name, language, script``.
    """

    units: pd.DataFrame
    levels: tuple[str, ...]
    names: pd.DataFrame


def read(
    frame: pd.DataFrame,
    *,
    level: str,
    code: str,
    name: str,
    parent: str,
    type: str | None = None,
    names: dict[str, tuple[str, str]] | None = None,
) -> Release:
    """Return the release in the columns of ``frame``. ``names``: column → (language, script) of other names.

    Raises StatloomError, naming row and column (the header is row 1), for a list without units, a column that
    is missing, a code that is empty or used twice on its level, a name that is empty or too long, a parent
    that is not in the list or not on a level above, a unit below the top without one, and levels that go in
    a circle.
    """
    wanted = {"level": level, "code": code, "name": name, "parent": parent}
    wanted |= {"type": type} if type else {}
    others = names or {}
    missing = [column for column in (*wanted.values(), *others) if column not in frame.columns]
    if missing:
        known = ", ".join(map(str, frame.columns))
        raise StatloomError(f"there is no column {', '.join(missing)}; there are {known}")
    twice = [column for column in (*wanted.values(), *others) if isinstance(frame[column], pd.DataFrame)]
    if twice:
        raise StatloomError(f"column {', '.join(twice)} is there twice")
    if frame.empty:
        raise StatloomError("the list has no units")
    units = pd.DataFrame({role: frame[column] for role, column in wanted.items()}).reset_index(drop=True)
    units = units.fillna("").apply(lambda texts: texts.astype("str").str.strip())
    units = units.reindex(columns=["level", "code", "name", "parent", "type"], fill_value="")
    for column in ("level", "code", "name"):
        _refuse(units, units[column] == "", f"column {wanted[column]}: {column} is empty")
    too_long = f"column {wanted['name']}: no name of a place has more than {LONGEST_NAME} characters"
    _refuse(units, units["name"].str.len() > LONGEST_NAME, too_long)
    _refuse(
        units,
        units.duplicated(["level", "code"]),
        f"column {wanted['code']}: the code is used twice on its level: ",
        "code",
    )
    _refuse(
        units,
        (units["parent"] != "") & ~units["parent"].isin(units["code"]),
        f"column {wanted['parent']}: no such parent: ",
        "parent",
    )
    order = _levels_above(units)
    levels, left = [], list(dict.fromkeys(units["level"]))
    while left:
        ready = [one for one in left if order.get(one) not in left]
        if not ready:
            raise StatloomError(f"the levels {', '.join(left)} are above each other in a circle")
        levels += ready
        left = [one for one in left if one not in ready]
    release = Release(units, tuple(levels), _other_names(frame, others))
    own = pd.MultiIndex.from_frame(units[["level", "code"]])
    rows = np.concatenate(
        [_parent_rows(release, own, part) for _, part in units.groupby("level", sort=False)]
    )
    order = np.concatenate([part.index for _, part in units.groupby("level", sort=False)])
    found = pd.Series(rows, index=order).sort_index()
    _refuse(
        units,
        (units["parent"] != "") & (found < 0),
        f"column {wanted['parent']}: the parent is not on a level above ({', '.join(levels)}): ",
        "parent",
    )
    top = units["level"] == levels[0]
    _refuse(
        units, ~top & (units["parent"] == ""), f"column {wanted['parent']}: a unit of no parent: ", "name"
    )
    return release


def _levels_above(units: pd.DataFrame) -> dict[str, str]:
    """Return for each level the one that its parents are on: it has most of their codes, and fewest others.

    A code may stand on several levels.
    """
    codes = units.groupby("level")["code"].agg(set)
    parents = units[units["parent"] != ""].groupby("level")["parent"].agg(set)
    order = {}
    for level, wanted in parents.items():
        found = {up: (len(wanted & own), -len(own)) for up, own in codes.items() if up != level}
        found = {up: rank for up, rank in found.items() if rank[0]}
        if found:
            order[level] = max(found, key=found.get)
    return order


def _other_names(frame: pd.DataFrame, others: dict[str, tuple[str, str]]) -> pd.DataFrame:
    parts = [pd.DataFrame({"row": [], "place_name": [], "language": [], "script": []})]
    for column, (language, script) in others.items():
        texts = frame[column].fillna("").astype("str").str.strip().reset_index(drop=True)
        there = texts[texts != ""]
        parts.append(
            pd.DataFrame(
                {"row": there.index, "place_name": there.to_numpy(), "language": language, "script": script}
            )
        )
    return pd.concat(parts, ignore_index=True)


def _refuse(units: pd.DataFrame, wrong: pd.Series, reason: str, column: str | None = None) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise StatloomError(f"row {row + 2}: {reason}{units[column].iat[row] if column else ''}")


def compare(
    registry: Registry,
    release: Release,
    *,
    scheme: str,
    date,
    successors: pd.DataFrame | None = None,
    keep_codes: bool = False,
) -> pd.DataFrame:
    """Return what the release changes against the places that have codes of ``scheme`` on ``date``.

    One row a unit: ``change`` (one of ``KINDS``; of several that hold, recoded before moved before renamed),
    ``also`` (the others, parted by blanks), ``level``, ``place_id`` ('' for created), ``code_before, code,
    name_before, name, parent_before, parent`` (names of parents), and ``method`` by which the two were found
    to be one. ``successors``: of ``succession.read``; with it what is gone was merged or split.

    Raises StatloomError when codes are those of before without leading zeros, unless ``keep_codes``.
    """
    old = before(registry, scheme, date)
    if not keep_codes:
        _refuse_lost_zeros(release, old, scheme)
    new = release.units.assign(key=normalise(release.units["name"])["key"])
    same: dict[int, tuple[int, str]] = {}
    above: dict[int, int] = {}
    if successors is None:
        successors = pd.DataFrame(columns=["level", "from_place_id", "to_code", "basis"])
    parent_rows = np.full(len(new), -1)
    own = pd.MultiIndex.from_frame(new[["level", "code"]])
    for level in release.levels:
        part, known = new[new["level"] == level], old[old["level"] == level]
        rows = _parent_rows(release, own, part)
        # Where the unit's parent is an old place, both lists speak of one parent.
        part = part.assign(parent=[above.get(row, -1) for row in rows], parent_row=rows)
        parent_rows[part.index] = rows
        found = _follow(part, known, successors[successors["level"] == level])
        same.update(found)
        above.update({unit: place for unit, (place, _) in found.items()})
    changes = _changes(registry, old, new, same, parent_rows)
    if successors.empty:
        return changes
    divided = successors["basis"] != "whole"
    kind = pd.Series(np.where(divided, "split", "merged"), index=successors["from_place_id"])
    became = changes["place_id"].map(kind[~kind.index.duplicated()])
    gone = changes["change"] == "dissolved"
    goes_on = ~gone & (changes["place_id"] != "") & (became == "split")
    changes["also"] = changes["also"].where(~goes_on, (changes["also"] + " split").str.strip())
    changes["change"] = changes["change"].where(~gone | became.isna(), became)
    return changes


def _refuse_lost_zeros(release: Release, old: pd.DataFrame, scheme: str) -> None:
    units = release.units.assign(plain=plain_codes(release.units["code"]))
    known = old.assign(plain=plain_codes(old["code"]))[["level", "plain", "code", "key"]]
    both = units.assign(row=units.index, key=normalise(units["name"])["key"]).merge(
        known, on=["level", "plain", "key"], suffixes=("", "_before")
    )
    shorter = both["code"].str.len() < both["code_before"].str.len()
    lost = both[shorter].sort_values("row")
    if len(lost):
        first = lost.iloc[0]
        raise StatloomError(
            f"row {first['row'] + 2}: code {first['code']} is {first['code_before']} of {scheme} without its"
            f" leading zeros, and so are {len(lost) - 1:,} more: a spreadsheet has taken them away"
        )


def before(registry: Registry, scheme: str, date) -> pd.DataFrame:
    """Return the units that have codes of ``scheme`` on ``date``: ``level, code, name, place_id``, more;
    without a scheme none."""
    if scheme is not None and scheme not in registry.schemes:
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


def _follow(part: pd.DataFrame, known: pd.DataFrame, successors: pd.DataFrame) -> dict[int, tuple[int, str]]:
    """Return old place and method for each unit of one level that has one.

    What ``successors`` says became of a unit is not guessed at: it goes on only under its own code and name.
    """
    found: dict[int, tuple[int, str]] = {}

    def left() -> pd.DataFrame:
        return part.drop(list(found))

    def kept() -> pd.DataFrame:
        return known.drop([place for place, _ in found.values()])

    def take(pairs: pd.DataFrame, method: str) -> None:
        found.update({unit: (old, method) for unit, old in zip(pairs["new"], pairs["old"], strict=True)})

    take(_joined(left(), kept(), ["code", "key"]), "code and name")
    part = part.drop(
        [row for row in part.index[part["code"].isin(successors["to_code"])] if row not in found]
    )
    gone = known.index[known["place_id"].isin(successors["from_place_id"])]
    known = known.drop(gone.difference([place for place, _ in found.values()]))
    take(_joined(left(), kept(), ["parent", "key"]), "name within the parent")
    links, _ = link(left()[["name", "parent"]], kept()[["name", "parent"]])
    if 2 * sum(method == "code and name" for _, method in found.values()) > len(found):
        # Where the list keeps its codes, a unit of another code and another name is another unit.
        same_code = part["code"].reindex(links["left"]).to_numpy()
        links = links[same_code == known["code"].reindex(links["right"]).to_numpy()]
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
    both[texts] = both[texts].astype("object").fillna("")
    moved = both["parent_place"] != both["parent_place_before"]
    renamed = (
        normalise(both["name"])["folded"].to_numpy() != normalise(both["name_before"])["folded"].to_numpy()
    )
    goes_on = (both["_merge"] == "both").to_numpy()
    moved &= (both["parent_place"] >= 0) | (both["parent_before"] != both["parent"])
    holds = {
        "recoded": goes_on & (both["code"] != both["code_before"]).to_numpy(),
        "moved": goes_on & moved.to_numpy(),
        "renamed": goes_on & renamed,
    }
    both["change"] = np.select(
        [both["_merge"] == "left_only", both["_merge"] == "right_only", *holds.values()],
        ["created", "dissolved", *holds],
        "unchanged",
    )
    kinds = pd.DataFrame({kind: np.where(flag, kind, "") for kind, flag in holds.items()}, index=both.index)
    kinds = kinds.where(kinds.ne(both["change"], axis=0), "")
    both["also"] = kinds.agg(" ".join, axis=1).str.split().str.join(" ")
    ids = np.append(registry.index.to_numpy(dtype=object), "")
    both["place_id"] = ids[both["position"].to_numpy(np.int64)]
    order = both["change"].map({kind: number for number, kind in enumerate(KINDS)})
    both = both.assign(order=order).sort_values(["order", "level", "code", "code_before"], kind="stable")
    return both[["change", "also", "level", "place_id", *texts]].reset_index(drop=True)


def counts(changes: pd.DataFrame, level: str) -> dict[str, int]:
    """Return how many units of a level underwent each of ``KINDS``; one that was recoded and moved counts in
    both."""
    own = changes[changes["level"] == level]
    said = (own["change"] + " " + own["also"]).str.split().explode().value_counts()
    return {kind: int(said[kind]) for kind in KINDS if kind in said}


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
    successors: pd.DataFrame | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the seeds with the release as a new, current vintage on a new scheme; nothing is written.

    ``changes``: of ``compare``. What goes on becomes a link of the crosswalk, both ways, and keeps its other
    names; a name that was changed is kept as a former one. What was dissolved has the ``successors`` of
    ``succession.read``, or none: a person adds them. The vintage that was current ends on ``valid_from``.
    Raises StatloomError when scheme or vintage exist already, or the seeds would not hold together.
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
    goes_on = changes[~changes["change"].isin(["dissolved", "merged", "split"])].set_index(["level", "code"])
    old = pd.Series(goes_on["place_id"].reindex(own).to_numpy(dtype=object), index=units.index)
    known = registry.places.set_index("place_id")
    new = {
        "place_vintage": {
            "place_vintage": [vintage],
            "title": [source],
            "valid_from": [valid_from],
            "is_current": ["true"],
        },
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
            "place_name_ne": old.map(known["place_name_ne"]),
            "place_type": units["type"].where(units["type"] != "", old.map(known["place_type"])),
            "parent_id": np.append(ids.to_numpy(dtype=object), "")[rows],
            "valid_from": valid_from,
            "is_statistical": old.map(known["is_statistical"]).astype("object").fillna("True"),
        },
        "place_code": {
            "place_scheme": scheme,
            "place_level": units["level"],
            "place_code": units["code"],
            "place_id": ids,
            "place_code_name": units["name"],
            "place_vintage": vintage,
        },
        "place_name": _names(registry, release, ids, old),
    }
    new |= _links(changes, goes_on.reindex(own), ids, old, successors, vintage, valid_from)
    for name, columns in new.items():
        frame = pd.DataFrame(columns)
        more = frame.reindex(columns=seeds[name].columns).astype("object").fillna("").astype("str")
        seeds[name] = pd.concat([seeds[name], more], ignore_index=True)
    found = faults(seeds)
    if len(found):
        first = found.iloc[0]
        raise StatloomError(
            f"{first['seed']}.csv, row {first['row']}: {first['reason']} (and {len(found) - 1} more)"
        )
    return seeds


def _names(registry: Registry, release: Release, ids: pd.Series, old: pd.Series) -> pd.DataFrame:
    """Return the other names of the new places: of the list, those they had, and names that were changed."""
    rows = release.names["row"]
    listed = release.names.assign(place_id=ids.reindex(rows).to_numpy(), name_kind="official")
    pairs = pd.DataFrame({"before": old, "place_id": ids, "name": release.units["name"]})
    pairs = pairs[pairs["before"] != ""]
    had = registry.seeds["place_name"].rename(columns={"place_id": "before"})
    had = pairs[["before", "place_id"]].merge(had, on="before")
    names = registry.places.set_index("place_id")["place_name"]
    changed = pairs.assign(place_name=pairs["before"].map(names), name_kind="former")
    changed = changed[changed["place_name"] != changed["name"]]
    # What was the official name in the same language is a former one now.
    renamed = had["place_id"].isin(changed["place_id"]) & (had["name_kind"] == "official")
    had["name_kind"] = had["name_kind"].where(~renamed, "former")
    columns = ["place_id", "place_name", "name_kind", "language", "script"]
    every = pd.concat([frame.reindex(columns=columns) for frame in (listed, had, changed)], ignore_index=True)
    return every.drop_duplicates(["place_id", "place_name"])


def _links(changes, goes_on, ids, old, successors, vintage, valid_from) -> dict[str, pd.DataFrame]:
    """Return what is new in place_change and crosswalk."""
    if successors is None:
        successors = pd.DataFrame(columns=["level", "from_place_id", "to_code", "basis", "weight", "note"])
    to = vintage + ":" + successors["level"] + ":" + successors["to_code"]
    successors = successors.assign(to_place_id=to.to_numpy())
    has_successors, is_successor = set(successors["from_place_id"]), set(successors["to_place_id"])

    kinds = (goes_on["change"] + " " + goes_on["also"]).str.replace("unchanged", "continued").str.split()
    rows = pd.DataFrame(
        {"from_place_id": old.to_numpy(), "to_place_id": ids.to_numpy(), "change_type": kinds.to_numpy()}
    ).explode("change_type")
    from_others = (rows["change_type"] == "created") & rows["to_place_id"].isin(is_successor)
    rows = rows[~from_others & (rows["change_type"] != "split")]
    gone = changes.loc[changes["change"].isin(["dissolved"]), "place_id"]
    ends = pd.DataFrame({"from_place_id": gone, "to_place_id": "", "change_type": "dissolved"})
    parts = successors.drop_duplicates(["from_place_id", "to_place_id"])
    parts = parts[parts["from_place_id"].map(dict(zip(old, ids, strict=True))) != parts["to_place_id"]]
    became = parts[["from_place_id", "to_place_id", "note"]].assign(
        change_type=np.where(parts["basis"] == "whole", "merged", "split")
    )
    change = pd.concat([rows, became, ends]).assign(changed_on=valid_from)

    whole = pd.DataFrame({"from_place_id": old.to_numpy(), "to_place_id": ids.to_numpy()})
    whole = whole[whole["from_place_id"] != ""].assign(basis="whole", weight=1.0, quality="exact")
    forth = whole[~whole["from_place_id"].isin(has_successors)]
    # Back whole goes only what nothing else came to and nothing was taken from.
    back = forth[~forth["to_place_id"].isin(is_successor)]
    successors = successors[successors["basis"] != ""]
    back = back.rename(columns={"from_place_id": "to_place_id", "to_place_id": "from_place_id"})
    quality = np.where(successors["basis"] == "whole", "exact", "decision")
    links = pd.concat([forth, back, successors.assign(quality=quality)]).assign(weight_se="0.000000")
    links["weight"] = links["weight"].map("{:.9f}".format)
    return {"place_change": change, "crosswalk": links.drop(columns="level", errors="ignore")}
