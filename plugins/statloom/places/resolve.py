"""References to places, resolved: by code, by known name, by normalised name, by likeness; or left to a
person."""

import numpy as np
import pandas as pd

from statloom.errors import StatloomError
from statloom.places import registry as registries
from statloom.places.batch import Batch
from statloom.places.normalise import clean_codes
from statloom.places.registry import Registry


def resolve(
    frame: pd.DataFrame,
    *,
    scheme: str,
    level,
    date,
    name=None,
    code=None,
    parent=None,
    registry: Registry | None = None,
    source: str | None = None,
) -> pd.DataFrame:
    """Resolve the references in the rows of ``frame`` to places.

    ``scheme``: the scheme of the codes. ``level``: a level of the registry, or the column that has it.
    ``date``: the day on which the places must exist; None: the last day of the scheme, today if it is in
    use. ``name``, ``code``, ``parent``: columns (names of columns, or Series with the index of ``frame``); a
    parent is a code of the scheme or a name, on any level above. ``source``: whose decisions apply besides
    those that hold for all sources.

    Returns a frame with the same index and columns

    - ``place_id``: None when unresolved;
    - ``method``: decision, exact_code, normalised_code, alias (a known name), normalised_name, fuzzy; or
      conflict (code, name and parent disagree), unresolved;
    - ``score``: 0 to 100, ``margin``: its distance to the second best place's; missing where nothing was
      scored;
    - ``candidates``: list of dicts ``place_id, place_name, score, why``, best first, for what is left to a
      person.

    Each distinct reference is resolved once, by itself: the order of rows is of no consequence. Raises
    StatloomError when scheme, level, date or a column is unknown.
    """
    registry = registries.load() if registry is None else registry
    if scheme not in registry.schemes:
        raise StatloomError(f"place scheme {scheme!r} is not in the registry ({_listed(registry.schemes)})")
    given = _given(frame, registry, level, name, code, parent)
    day = registries.day_number(date) if date is not None else _last_day(registry, scheme)
    distinct, inverse = _distinct(given)
    parts = [
        Batch(registry, scheme, one_level, day, rows, source).resolved()
        for one_level, rows in distinct.groupby("level", sort=True)
    ]
    if not parts:
        return _empty(frame.index)
    resolved = pd.concat(parts).reindex(distinct.index)
    return resolved.iloc[inverse].set_axis(frame.index)


def _listed(words) -> str:
    return ", ".join(sorted(words)) or "none"


def _empty(index: pd.Index) -> pd.DataFrame:
    types = {
        "place_id": "object",
        "method": "object",
        "score": float,
        "margin": float,
        "candidates": "object",
    }
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()}, index=index)


def _given(frame, registry, level, name, code, parent) -> dict[str, pd.Series]:
    def column(wanted, role) -> pd.Series:
        if wanted is None:
            return pd.Series("", index=frame.index, dtype="str")
        if isinstance(wanted, pd.Series):
            return wanted
        if wanted not in frame.columns:
            columns = _listed(map(str, frame.columns))
            raise StatloomError(
                f"there is no column {wanted!r} for the {role} of places; there are {columns}"
            )
        return frame[wanted]

    if isinstance(level, pd.Series) or level in frame.columns:
        levels = column(level, "level").fillna("").astype("str")
    elif level in registry.levels:
        levels = pd.Series(level, index=frame.index, dtype="str")
    else:
        raise StatloomError(
            f"{level!r} is neither a level of the registry ({_listed(registry.levels)}) nor a column"
        )
    return {
        "level": levels,
        "code": column(code, "code"),
        "name": column(name, "name"),
        "parent": column(parent, "parent"),
    }


def _last_day(registry: Registry, scheme: str) -> int:
    schemes = registry.seeds["place_scheme"].set_index("place_scheme")
    end = schemes.at[scheme, "valid_to"]
    return registries.day_number(end) - 1 if end else registries.day_number(pd.Timestamp.today())


def _distinct(given: dict[str, pd.Series]) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the distinct references as text, and for each row the position of its own."""
    total = np.zeros(len(given["level"]), dtype=np.int64)
    for values in given.values():
        numbers, distinct = pd.factorize(values, use_na_sentinel=True)
        total = pd.factorize(total * (len(distinct) + 1) + numbers + 1)[0]
    _, first, inverse = np.unique(total, return_index=True, return_inverse=True)
    columns = {role: _texts(values.iloc[first], role) for role, values in given.items()}
    return pd.DataFrame(columns, index=range(len(first))), inverse


def _texts(values: pd.Series, role: str) -> np.ndarray:
    if role in ("code", "parent") and pd.api.types.is_float_dtype(values.dtype):
        values = clean_codes(values)
    return np.array(["" if value is None or value != value else str(value) for value in values], dtype=object)
