"""How the figures of today's places were made, place by place: what the maps of the report show."""

from typing import Any

import pandas as pd

from statloom.places import Registry

MADE = ("observed", "exact_merge", "apportioned")  # from the best to the worst
# Upper ends of the classes of relative error; what is above the last is in a class of its own.
ERROR_CLASSES = (0.0025, 0.01, 0.03, 0.1)


def shades(figures: pd.DataFrame, registry: Registry, vintage: str | None) -> dict[str, dict[str, Any]]:
    """Return for each source, and '' for all, how its figures reached the places of ``vintage``.

    ``figures``: as `places.figures` gives them. Each has ``level`` (the finest that the source reaches),
    ``depth`` (of that level), ``rows`` (one for each statistical place of it: place_id, name, above, method,
    observed, exact_merge, apportioned, split, error, error_class) and ``has_errors``. ``method`` is the worst
    of the place's figures, or none; ``split`` and ``error`` are those of its apportioned figures.
    """
    if figures.empty:
        return {}
    depth = depths(registry, vintage)
    places = registry.places
    current = places[(places["place_vintage"] == vintage) & places["is_statistical"].map(is_true)]
    names = places.set_index("place_id")["place_name"]
    current = pd.DataFrame(
        {
            "place_id": current["place_id"],
            "name": current["place_name"],
            "above": current["parent_id"].map(names).fillna(""),
            "place_level": current["place_level"],
        }
    ).sort_values(["above", "name", "place_id"])
    of_level = {level: rows.drop(columns="place_level") for level, rows in current.groupby("place_level")}
    nowhere = current.iloc[:0].drop(columns="place_level")
    counts = _counts(figures, ["source_id", "place_id"])
    apportioned = figures[figures["geo_method"] == "apportioned"]
    errors = apportioned.set_index(["source_id", "place_id"])[["error", "split"]].astype(float)
    unknown = errors.iloc[:0].droplevel(0)
    levels = figures.drop_duplicates(["source_id", "place_level"])
    levels = levels.assign(depth=levels["place_level"].map(depth).fillna(0)).sort_values("depth")
    finest = levels.drop_duplicates("source_id", keep="last").set_index("source_id")["place_level"]
    found = {}
    for source_id, level in finest.items():
        rows = of_level.get(level, nowhere).join(counts.loc[source_id], on="place_id")
        rows = rows.fillna(dict.fromkeys(MADE, 0)).astype(dict.fromkeys(MADE, int))
        known = errors.loc[source_id] if source_id in errors.index else unknown
        rows["method"] = [worst(row) for row in rows[list(MADE)].itertuples(index=False, name=None)]
        rows = rows.join(known, on="place_id")
        rows["error_class"] = list(map(error_class, rows["method"], rows["error"]))
        rows = rows.astype({"error": "object", "split": "object"})
        rows = rows.where(rows.notna(), None)
        found[str(source_id)] = {
            "level": level,
            "depth": depth.get(level, 0),
            "rows": rows.to_dict("records"),
            "has_errors": bool(known["error"].notna().any()),
        }
    return found


def _counts(figures: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the numbers of figures by ``keys``, a column for each way in which they were made."""
    counts = figures.groupby([*keys, "geo_method"])["figures"].sum().unstack(fill_value=0)
    return counts.reindex(columns=list(MADE), fill_value=0)


def by_method(figures: pd.DataFrame, registry: Registry, vintage: str | None) -> list[dict[str, Any]]:
    """Return how many figures of each source and level were made in which way, the coarsest level first."""
    if figures.empty:
        return []
    counts = _counts(figures, ["source_id", "place_level"]).reset_index()
    counts["order"] = counts["place_level"].map(depths(registry, vintage))
    counts = counts.sort_values(["source_id", "order"]).drop(columns="order")
    return counts.to_dict("records")


def depths(registry: Registry, vintage: str | None) -> dict[str, int]:
    """Return the levels of ``vintage`` with their distance from the top: country 0, province 1, and so on."""
    steps = registry.ancestors.groupby("position")["steps"].max()
    places = registry.places[registry.places["place_vintage"] == vintage]
    depth = places["position"].map(steps).fillna(0).astype(int)
    return depth.groupby(places["place_level"]).max().to_dict()


def worst(counts: tuple[int, ...]) -> str:
    """Return the worst way in which any of a place's figures was made, given how many were made in each."""
    return next((one for one, count in reversed(list(zip(MADE, counts, strict=True))) if count), "none")


def error_class(method: str, error: float | None) -> str:
    """Return the class of a median relative error: one of the map's shades.

    ``whole`` is a place whose figures were not divided, so that moving them made no error.
    """
    if method == "none":
        return "none"
    if method != "apportioned":
        return "whole"
    if error is None or error != error:
        return "unknown"
    return f"error-{sum(error > end for end in ERROR_CLASSES)}"


def is_true(text: str) -> bool:
    """Return whether a seed's text stands for true."""
    return str(text).strip().lower() in ("true", "t", "1", "yes")
