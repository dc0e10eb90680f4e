"""What became of units that a new release of a list no longer has, as a person says it: into which units each
was merged or split, and in what shares. A list of units alone cannot tell."""

import pandas as pd

from statloom.errors import StatloomError
from statloom.places.gates import BASES, WEIGHT_TOLERANCE

COLUMNS = ("level", "from_code", "to_code")


def read(frame: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return the successions in ``frame`` (text; columns level, from_code, to_code, and shares by area,
    households and population where a unit is divided; note).

    ``before``: units of the release before, ``after``: of the new one, both with ``level, code``; ``before``
    has ``place_id`` too. The result has ``level, from_place_id, to_code, basis, weight, note``, one row for
    each basis (``whole`` where nothing is divided, '' where no shares are known). Raises StatloomError with
    row, column and reason.
    """
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise StatloomError(f"row 1: there is no column {', '.join(missing)}")
    given = frame.reindex(columns=[*COLUMNS, *BASES, "note"]).astype("object").fillna("").astype("str")
    given = given.reset_index(drop=True)
    given = given.apply(lambda texts: texts.str.strip())
    old = before.set_index(["level", "code"])["place_id"]
    from_key = pd.MultiIndex.from_frame(given[["level", "from_code"]])
    to_key = pd.MultiIndex.from_frame(given[["level", "to_code"]])
    known = pd.MultiIndex.from_frame(after[["level", "code"]])
    _refuse(given, ~from_key.isin(old.index), "from_code", "no unit of the release before")
    _refuse(given, ~to_key.isin(known), "to_code", "no unit of the new list")
    _refuse(given, given.duplicated(list(COLUMNS)), "to_code", "the succession is there twice")
    given["from_place_id"] = old.reindex(from_key).to_numpy()
    divided = given["from_place_id"].duplicated(keep=False)
    parts = [given[~divided].assign(basis="whole", weight=1.0)]
    # No share of a unit is known: its figures wait, but it is known into what it was split.
    is_silent = (given[list(BASES)] == "").all(axis=1)
    is_silent = divided & is_silent.groupby(given["from_place_id"]).transform("all")
    parts.append(given[is_silent].assign(basis="", weight=float("nan")))
    divided &= ~is_silent
    for basis in BASES:
        weight = pd.to_numeric(given[basis], errors="coerce")
        wrong = divided & ~((weight > 0) & (weight <= 1))
        _refuse(given, wrong, basis, "the share of a divided unit is above 0 and at most 1, not")
        total = weight.groupby(given["from_place_id"]).transform("sum")
        _refuse(
            given.assign(total=total.round(9).astype("str")),
            divided & ((total - 1).abs() > WEIGHT_TOLERANCE),
            "total",
            f"the shares by {basis} add up to",
        )
        parts.append(given[divided].assign(basis=basis, weight=weight[divided]))
    return pd.concat(parts)[["level", "from_place_id", "to_code", "basis", "weight", "note"]]


def _refuse(given: pd.DataFrame, wrong, column: str, reason: str) -> None:
    bad = given[wrong]
    if len(bad):
        raise StatloomError(f"row {bad.index[0] + 2}, column {column}: {reason} {bad[column].iloc[0]!r}")
