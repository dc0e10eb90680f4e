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
    ``date``: the day on which the places must exist, or the column that has it; None or a missing date: the
    last day of the scheme, today if it is in use. ``name``, ``code``, ``parent``: columns (names of columns,
    or Series with the index of ``frame``) of texts or numbers; a parent is a code of the scheme or a name, on
    any level above. ``source``: whose decisions apply besides those that hold for all sources.

    Returns a frame with the same index and columns

    - ``place_id``: None when unresolved;
    - ``method``: decision, exact_code, normalised_code, alias (a known name), normalised_name, fuzzy; or
      conflict (code, name and parent disagree), unresolved;
    - ``score``: 0 to 100, ``margin``: its distance to the second best place's; missing where nothing was
      scored; what is ``fuzzy`` has both;
    - ``candidates``: list of dicts ``place_id, place_name, score, why``, best first, for what is left to a
      person; all successors of a place that is gone are among them.

    Each distinct reference is resolved once, by itself: the order of rows is of no consequence. Raises
    StatloomError when scheme, level, date or a column is unknown, a column is there twice, a Series has
    another index than ``frame``, or a date in a column is none.
    """
    registry = registries.load() if registry is None else registry
    if scheme not in registry.schemes:
        raise StatloomError(f"place scheme {scheme!r} is not in the registry ({_listed(registry.schemes)})")
    given = _given(frame, registry, level, name, code, parent)
    given["day"] = _days(frame, date, _last_day(registry, scheme))
    distinct, inverse = _distinct(given)
    parts = [
        Batch(registry, scheme, one_level, int(day), rows.drop(columns="day"), source).resolved()
        for (one_level, day), rows in distinct.groupby(["level", "day"], sort=True)
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
    if isinstance(level, pd.Series) or level in frame.columns:
        levels = _column(frame, level, "level")
        levels = levels.astype("object").where(levels.notna(), "").astype("str")
    elif level in registry.levels:
        levels = pd.Series(level, index=frame.index, dtype="str")
    else:
        raise StatloomError(
            f"{level!r} is neither a level of the registry ({_listed(registry.levels)}) nor a column"
        )
    wanted = {"code": code, "name": name, "parent": parent}
    return {"level": levels} | {role: _column(frame, column, role) for role, column in wanted.items()}


def _column(frame: pd.DataFrame, wanted, role: str) -> pd.Series:
    if wanted is None:
        return pd.Series("", index=frame.index, dtype="str")
    if isinstance(wanted, pd.Series):
        if not wanted.index.equals(frame.index):
            raise StatloomError(f"the {role} of places is a Series with another index than the frame")
        return wanted
    if wanted not in frame.columns:
        columns = _listed(map(str, frame.columns))
        raise StatloomError(f"there is no column {wanted!r} for the {role} of places; there are {columns}")
    if isinstance(frame[wanted], pd.DataFrame):
        raise StatloomError(f"the column {wanted!r} for the {role} of places is there twice")
    return frame[wanted]


def _days(frame: pd.DataFrame, date, last: int) -> pd.Series:
    """Return the day of each row, as days since 1970; ``last`` where none is given."""
    if not isinstance(date, pd.Series) and not (isinstance(date, str) and date in frame.columns):
        return pd.Series(last if date is None else registries.day_number(date), index=frame.index)
    values = _column(frame, date, "date")
    codes, distinct = pd.factorize(values.astype("object").where(values.notna(), ""))
    days = []
    for number, value in enumerate(distinct):
        try:
            days.append(last if value == "" else registries.day_number(value))
        except StatloomError as error:
            row = int(np.flatnonzero(codes == number)[0]) + 1
            raise StatloomError(f"column {values.name!r}, row {row} of the references: {error}") from None
    return pd.Series(np.array(days, dtype=np.int64)[codes], index=frame.index)


def _last_day(registry: Registry, scheme: str) -> int:
    schemes = registry.seeds["place_scheme"].set_index("place_scheme")
    end = schemes.at[scheme, "valid_to"]
    return registries.day_number(end) - 1 if end else registries.day_number(pd.Timestamp.today())


def _distinct(given: dict[str, pd.Series]) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the distinct references as text, and for each row the position of its own."""
    given = {role: _hashable(values) for role, values in given.items()}
    total = np.zeros(len(given["level"]), dtype=np.int64)
    for values in given.values():
        numbers, distinct = pd.factorize(values, use_na_sentinel=True)
        total = pd.factorize(total * (len(distinct) + 1) + numbers + 1)[0]
    _, first, inverse = np.unique(total, return_index=True, return_inverse=True)
    columns = {role: _texts(values.iloc[first], role) for role, values in given.items() if role != "day"}
    columns["day"] = given["day"].to_numpy()[first]
    return pd.DataFrame(columns, index=range(len(first))), inverse


def _hashable(values: pd.Series) -> pd.Series:
    """Return values of which those that are equal are the same text (1 and True are equal, but are not)."""
    if values.dtype != "object" or pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty"):
        return values
    return pd.Series([_text(value) for value in values], index=values.index, dtype="object")


def _text(value) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    missing = pd.api.types.is_scalar(value) and pd.isna(value)
    return None if missing else str(value)


def _texts(values: pd.Series, role: str) -> np.ndarray:
    if role in ("code", "parent") and pd.api.types.is_float_dtype(values.dtype):
        values = clean_codes(values)
    missing = values.isna()
    texts = ["" if gone else str(value) for value, gone in zip(values, missing, strict=True)]
    return np.array(texts, dtype=object)
