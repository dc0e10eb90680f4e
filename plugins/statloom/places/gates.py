"""What must hold for the seeds of places: each gate returns the rows that break it."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

COLUMNS = {
    "place_scheme": ("place_scheme", "title", "custodian", "valid_from", "valid_to", "source"),
    "place_vintage": ("place_vintage", "title", "valid_from", "valid_to", "is_current"),
    "place": (
        "place_id",
        "place_vintage",
        "place_level",
        "place_name",
        "place_name_ne",
        "place_type",
        "parent_id",
        "valid_from",
        "valid_to",
        "is_statistical",
    ),
    "place_code": (
        "place_scheme",
        "place_level",
        "place_code",
        "place_id",
        "place_code_name",
        "place_vintage",
    ),
    "place_name": ("place_id", "place_name", "name_kind", "language", "script"),
    "place_change": ("from_place_id", "to_place_id", "change_type", "changed_on", "note"),
    "crosswalk": (
        "from_place_id",
        "to_place_id",
        "basis",
        "weight",
        "weight_se",
        "area_share",
        "quality",
        "note",
    ),
    "place_decision": (
        "source_id",
        "place_scheme",
        "place_level",
        "place_code",
        "place_name",
        "place_parent",
        "place_id",
        "decided_by",
        "decided_on",
        "reason",
        "expect",
    ),
}
CHANGES = {"continued", "renamed", "recoded", "split", "merged", "moved", "created", "dissolved"}
# What weights can be made of. ``whole``: the one weight of a place that goes to one other, for every measure.
BASES = ("area", "households", "population")
QUALITIES = {"exact", "decision", "overlay", "counted", "fitted", "modelled"}
WEIGHT_TOLERANCE = 1e-6


def faults(seeds: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the faults of the seeds (frames of text as in ``COLUMNS``): columns ``seed, row, reason``.

    ``row`` is the line of the file, the header being row 1. An empty frame means that all gates are passed.
    """
    found = _Faults(seeds)
    _vintages(found)
    _places(found)
    _hierarchy(found)
    _codes(found)
    _names(found)
    _changes(found)
    _crosswalk(found)
    _decisions(found)
    return found.frame()


class _Faults:
    def __init__(self, seeds: dict[str, pd.DataFrame]) -> None:
        self.seeds = seeds
        self.rows: list[pd.DataFrame] = []

    def where(self, seed: str, wrong: pd.Series, reason) -> None:
        """Note the rows of ``seed`` where ``wrong`` is true; ``reason`` is a text or a Series of texts."""
        wrong = wrong.fillna(False).to_numpy(dtype=bool)
        if wrong.any():
            reasons = reason[wrong].to_numpy() if isinstance(reason, pd.Series) else reason
            self.rows.append(
                pd.DataFrame({"seed": seed, "row": np.flatnonzero(wrong) + 2, "reason": reasons})
            )

    def empty(self, seed: str, *columns: str) -> None:
        for column in columns:
            self.where(seed, self.seeds[seed][column].str.strip() == "", f"{column} is empty")

    def not_in(self, seed: str, column: str, known, what: str, *, may_be_empty: bool = False) -> None:
        values = self.seeds[seed][column]
        among = pc.is_in(
            pa.array(values),
            value_set=pa.array(known if isinstance(known, pd.Series) else list(known), pa.large_string()),
        )
        wrong = ~pd.Series(among.to_numpy(zero_copy_only=False)) & (values != "")
        self.where(seed, wrong, column + " " + values + f" is not {what}")
        if not may_be_empty:
            self.empty(seed, column)

    def dates(self, seed: str, *columns: str) -> None:
        """Note what is no ISO date, and periods that end before they begin."""
        frame = self.seeds[seed]
        for column in columns:
            given = frame[column] != ""
            good = pd.to_datetime(frame[column], format="%Y-%m-%d", errors="coerce").notna()
            self.where(seed, given & ~good, column + " '" + frame[column] + "' is not a date YYYY-MM-DD")
        if columns == ("valid_from", "valid_to"):
            backwards = (frame["valid_to"] != "") & (frame["valid_to"] <= frame["valid_from"])
            self.where(seed, backwards, "valid_to is not after valid_from")

    def frame(self) -> pd.DataFrame:
        if not self.rows:
            return pd.DataFrame({"seed": [], "row": [], "reason": []})
        order = {name: position for position, name in enumerate(COLUMNS)}
        rows = pd.concat(self.rows, ignore_index=True)
        rows = rows.sort_values(["seed", "row"], key=lambda c: c.map(order) if c.name == "seed" else c)
        return rows.drop_duplicates(ignore_index=True)


def _vintages(found: _Faults) -> None:
    vintages, schemes = found.seeds["place_vintage"], found.seeds["place_scheme"]
    found.empty("place_scheme", "place_scheme")
    found.empty("place_vintage", "place_vintage", "valid_from")
    found.dates("place_vintage", "valid_from", "valid_to")
    found.dates("place_scheme", "valid_from", "valid_to")
    found.where("place_vintage", vintages["place_vintage"].duplicated(), "the vintage is declared twice")
    found.where("place_scheme", schemes["place_scheme"].duplicated(), "the scheme is declared twice")
    current = vintages["is_current"].str.lower() == "true"
    if len(vintages) and current.sum() != 1:
        found.where("place_vintage", ~vintages["place_vintage"].isna(), "exactly one vintage must be current")
    ordered = vintages.sort_values("valid_from", kind="stable")
    until = ordered["valid_to"].replace("", "9999-12-31").shift()
    overlaps = (ordered["valid_from"] < until).reindex(vintages.index)
    before = ordered["place_vintage"].shift().reindex(vintages.index)
    found.where("place_vintage", overlaps, "the vintage begins before " + before + " has ended")


def _places(found: _Faults) -> None:
    places = found.seeds["place"]
    found.empty("place", "place_id", "place_level", "place_name", "valid_from")
    found.not_in("place", "place_vintage", found.seeds["place_vintage"]["place_vintage"], "a vintage")
    found.dates("place", "valid_from", "valid_to")
    twice = places["place_id"].duplicated()
    found.where("place", twice, "place_id " + places["place_id"] + " is used twice")
    start = places["place_vintage"] + ":" + places["place_level"] + ":"
    parts = places["place_id"].str.extract(r"^([^:]*:[^:]*:).", expand=False)
    found.where(
        "place",
        parts.isna() | (parts != start),
        "place_id " + places["place_id"] + " is not <vintage>:<level>:<code> of its own row",
    )
    is_statistical = places["is_statistical"].str.lower()
    found.where("place", ~is_statistical.isin(["true", "false"]), "is_statistical is neither true nor false")
    vintages = found.seeds["place_vintage"].drop_duplicates("place_vintage").set_index("place_vintage")
    begins = places["place_vintage"].map(vintages["valid_from"])
    ends = places["place_vintage"].map(vintages["valid_to"]).replace("", "9999-12-31")
    outside = (places["valid_from"] < begins) | (places["valid_to"].replace("", "9999-12-31") > ends)
    found.where(
        "place",
        begins.notna() & outside,
        "valid_from and valid_to are not within those of " + places["place_vintage"],
    )


def _hierarchy(found: _Faults) -> None:
    places = found.seeds["place"]
    index = pd.Index(places["place_id"])
    if not index.is_unique:
        return
    parents = index.get_indexer(places["parent_id"])
    given = places["parent_id"] != ""
    found.where("place", given & (parents < 0), "the parent " + places["parent_id"] + " is not a place")
    inside = parents >= 0
    of_parent = places.iloc[parents].reset_index(drop=True)
    found.where(
        "place",
        inside & (of_parent["place_vintage"] != places["place_vintage"]),
        "the parent " + places["parent_id"] + " is of another vintage",
    )
    ends, parent_ends = (frame["valid_to"].replace("", "9999-12-31") for frame in (places, of_parent))
    outside = (places["valid_from"] < of_parent["valid_from"]) | (ends > parent_ends)
    found.where(
        "place", inside & outside, "the parent " + places["parent_id"] + " is not valid all the while"
    )
    levels_without = places[~given].groupby("place_vintage")["place_level"].agg(lambda levels: levels.iloc[0])
    top = places["place_vintage"].map(levels_without)
    found.where("place", ~given & (places["place_level"] != top), "an orphan: it has no parent")
    found.where("place", given & (places["place_level"] == top), "a place of the top level has a parent")

    # Every step doubles the way up; whoever has not arrived after all places were passed goes round in a
    # circle.
    above = np.where(inside, parents, -1)
    passed = 1
    while passed <= len(places):
        above = np.where(above >= 0, above[above], -1)
        passed *= 2
    found.where("place", pd.Series(above >= 0), "a cycle: the place is among its own ancestors' children")


def _codes(found: _Faults) -> None:
    codes, places = found.seeds["place_code"], found.seeds["place"]
    found.empty("place_code", "place_code", "place_level")
    found.not_in("place_code", "place_scheme", found.seeds["place_scheme"]["place_scheme"], "a scheme")
    found.not_in("place_code", "place_id", places["place_id"], "a place")
    twice = codes.duplicated(["place_scheme", "place_level", "place_code"])
    found.where(
        "place_code",
        twice,
        "code "
        + codes["place_code"]
        + " is used twice in "
        + codes["place_scheme"]
        + " "
        + codes["place_level"],
    )
    own = places.drop_duplicates("place_id").set_index("place_id")
    for column, what in (("place_level", "level"), ("place_vintage", "vintage")):
        of_place = codes["place_id"].map(own[column])
        wrong = of_place.notna() & (of_place != codes[column])
        found.where("place_code", wrong, codes["place_id"] + f" is of another {what} than the code")


def _names(found: _Faults) -> None:
    found.empty("place_name", "place_name")
    found.not_in("place_name", "place_id", found.seeds["place"]["place_id"], "a place")
    found.not_in("place_name", "name_kind", {"official", "alias", "former"}, "official, alias or former")
    names = found.seeds["place_name"]
    for column, pattern, what in (
        ("language", "[a-z]{2,3}", "an ISO 639 code such as ne"),
        ("script", "[A-Z][a-z]{3}", "an ISO 15924 code such as Deva"),
    ):
        wrong = (names[column] != "") & ~names[column].str.fullmatch(pattern)
        found.where("place_name", wrong, column + " '" + names[column] + f"' is not {what}")


def _changes(found: _Faults) -> None:
    changes, places = found.seeds["place_change"], found.seeds["place"]
    found.not_in("place_change", "change_type", CHANGES, "a kind of change")
    found.not_in("place_change", "from_place_id", places["place_id"], "a place", may_be_empty=True)
    found.not_in("place_change", "to_place_id", places["place_id"], "a place", may_be_empty=True)
    found.dates("place_change", "changed_on")
    nothing = (changes["from_place_id"] == "") & (changes["to_place_id"] == "")
    found.where("place_change", nothing, "names no place")
    kind = changes["change_type"]
    from_one = (kind == "created") & (changes["from_place_id"] != "")
    found.where("place_change", from_one, "from_place_id is given, but the place was created")
    to_one = (kind == "dissolved") & (changes["to_place_id"] != "")
    found.where("place_change", to_one, "to_place_id is given, but the place was dissolved")
    own = places.drop_duplicates("place_id").set_index("place_id")
    ends = changes["from_place_id"].map(own["valid_to"]).replace("", "9999-12-31")
    begins = changes["to_place_id"].map(own["valid_from"])
    both = ends.notna() & begins.notna() & (changes["from_place_id"] != changes["to_place_id"])
    found.where(
        "place_change",
        both & (begins < ends),
        changes["to_place_id"]
        + " begins before "
        + changes["from_place_id"]
        + " has ended: they overlap in time",
    )


def _crosswalk(found: _Faults) -> None:
    crosswalk, places = found.seeds["crosswalk"], found.seeds["place"]
    found.not_in("crosswalk", "from_place_id", places["place_id"], "a place")
    found.not_in("crosswalk", "to_place_id", places["place_id"], "a place")
    found.not_in("crosswalk", "basis", {"whole", *BASES}, "a basis of weights")
    found.not_in("crosswalk", "quality", QUALITIES, "a quality of weights")
    place, basis = crosswalk["from_place_id"], crosswalk["basis"]
    vintage, target = (crosswalk[column].str.split(":").str[0] for column in ("from_place_id", "to_place_id"))
    found.where("crosswalk", vintage == target, "a link between two places of one vintage, " + vintage)
    twice = crosswalk.duplicated(["from_place_id", "to_place_id", "basis"])
    found.where("crosswalk", twice, "the link is there twice")

    weight = pd.to_numeric(crosswalk["weight"], errors="coerce")
    outside = ~(weight > 0) | ~(weight <= 1)
    found.where("crosswalk", outside, "weight '" + crosswalk["weight"] + "' is not above 0 and at most 1")
    error = pd.to_numeric(crosswalk["weight_se"], errors="coerce")
    wrong = ~(error >= 0) | np.isinf(error)
    found.where("crosswalk", wrong, "weight_se '" + crosswalk["weight_se"] + "' is not a number from 0 on")
    total = weight.groupby([place, target, basis]).transform("sum")
    first = ~pd.DataFrame({"place": place, "target": target, "basis": basis}).duplicated()
    off = first & ((total - 1).abs() > WEIGHT_TOLERANCE)
    found.where(
        "crosswalk",
        off,
        "the weights of " + place + " by " + basis + " sum to " + total.round(9).astype(str) + ", not 1",
    )

    whole = basis == "whole"
    bases = pd.DataFrame({name: basis == name for name in ("whole", *BASES)})
    has = bases.groupby([place, target]).transform("any")
    rows = basis.groupby([place, target]).transform("size")
    found.where(
        "crosswalk",
        whole & (rows > 1),
        place + " goes whole to " + crosswalk["to_place_id"] + " and to another place",
    )
    first = ~pd.DataFrame({"place": place, "target": target}).duplicated()
    for name in BASES:
        missing = first & ~has["whole"] & ~has[name]
        found.where("crosswalk", missing, place + f" is divided, and has no weights by {name}")


def _decisions(found: _Faults) -> None:
    for column in ("place_scheme", "place_level", "decided_by", "decided_on", "reason"):
        found.empty("place_decision", column)
    found.dates("place_decision", "decided_on")
    decisions = found.seeds["place_decision"]
    nothing = (decisions["place_code"] == "") & (decisions["place_name"] == "")
    found.where("place_decision", nothing, "decides on a reference with neither code nor name")
