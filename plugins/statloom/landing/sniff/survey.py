"""A first design and first estimands for microdata."""

import re

from statloom.landing.sniff.guess import Guess

_MOST_ESTIMANDS = 40


def estimation_of(columns: list[Guess], checks: list[str]) -> dict:
    """Return a first design, domains and estimands for microdata."""
    design = {"weight": next(c.name for c in columns if c.role == "weight")}
    for key, role in (("strata", "stratum"), ("psu", "psu")):
        name = next((c.name for c in columns if c.role == role), None)
        if name:
            design[key] = name
        else:
            checks.append(f"estimation: no column looks like the {role} of the design")
    measures = [c.name for c in columns if c.role == "measure"]
    estimands: list[dict] = [
        {"measure": f"mean_{name}"[:59], "type": "mean", "column": name} for name in measures
    ]
    for column in columns:
        if column.role == "dimension" and column.categories and len(column.categories) <= 10:
            for category in column.categories:
                slug = re.sub(r"[^a-z0-9]+", "_", f"{column.name}_{category}".lower()).strip("_")[:59]
                estimands.append(
                    {"measure": slug, "type": "proportion", "column": column.name, "category": category}
                    | {"multiplier": 100, "unit": "percent"}
                )
    unique = {e["measure"]: e for e in estimands}
    if len(unique) > _MOST_ESTIMANDS:
        checks.append(f"estimation: {len(unique):,} estimands were possible, {_MOST_ESTIMANDS} are written")
    places = [[c.name] for c in columns if c.role == "place_code"][:1]
    checks.append("estimation: keep the estimands and domains that are wanted")
    return {"design": design, "domains": [[], *places], "estimands": list(unique.values())[:_MOST_ESTIMANDS]}
