"""Attributes of the synthetic households."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from demo.generate.population import areas as places
from demo.generate.population import codes
from demo.generate.population.draws import Draws, log_odds

# households of an area are alike: standard deviation of the area's and of the household's part of wealth
AREA_WEALTH, OWN_WEALTH = 0.5, 1.0
HEAD_IS_A_WOMAN = 0.31
HEAD_AGE = (46, 14)
# rupees a person and month: log of the median, then what towns, wealth, size and chance add
CONSUMPTION = (8.95, 0.25, 0.38, -0.25, 0.25)


@cache
def _baselines() -> dict[str, np.ndarray]:
    """Return the frame's columns as arrays: by topic a matrix of moved shares, and the single ones."""
    units = places.local_units()
    found: dict[str, np.ndarray] = {name: units[name].to_numpy() for name in ("urban", "province")}
    for topic, categories in codes.TOPICS.items():
        shares = units[[f"{topic}_{column}" for column, *_ in categories]].to_numpy()
        found[topic] = (shares + 0.0005) * np.array([factor for _, _, factor, _ in categories])
    for facility, (_, shift, _) in codes.FACILITIES.items():
        found[facility] = log_odds(units[f"has_{facility}"]) + shift
    for sex in ("male", "female"):
        found[f"literate_{sex}"] = log_odds(units[f"literate_{sex}"])
    return found


def baseline(name: str, unit: np.ndarray) -> np.ndarray:
    """Return what the frame says of the local units that `unit` numbers."""
    return _baselines()[name][unit]


def households(
    areas: pd.DataFrame, area: np.ndarray, number: np.ndarray, size: np.ndarray, draws: Draws
) -> pd.DataFrame:
    """Return one row a household: place, size, head, what it has, wealth and consumption.

    `area` is the row label of the household's area in `areas`, `number` the household's number there.
    """
    of = areas.loc[area]
    unit, key = of["unit"].to_numpy(), area.astype(np.uint64) * np.uint64(4096) + number.astype(np.uint64)
    made = of[["local_unit", "district", "province", "urban", "stratum", "unit", "ward", "area"]]
    made = made.reset_index(drop=True).assign(area_row=area, number=number, size=size, key=key)
    wealth = AREA_WEALTH * draws.normal("wealth of the area", area.astype(np.uint64))
    wealth = wealth + OWN_WEALTH * draws.normal("wealth", key)
    made["wealth"] = wealth
    made["head_sex"] = (1 + (draws.uniform("sex of the head", key) < HEAD_IS_A_WOMAN)).astype("int8")
    mean, spread = HEAD_AGE
    age = np.clip(np.rint(mean + spread * draws.normal("age of the head", key)), 18, 95)
    made["head_age"] = age.astype("int8")
    for topic, categories in codes.TOPICS.items():
        tilt = np.array([effect for *_, effect in categories])
        weights = baseline(topic, unit) * np.exp(np.outer(wealth, tilt))
        made[codes.VARIABLE_OF_TOPIC[topic]] = draws.category(topic, key, weights)
    for facility, (variable, _, effect) in codes.FACILITIES.items():
        has = draws.yes(variable, key, baseline(facility, unit) + effect * wealth)
        made[variable] = has.astype("int8")
    level, town, richer, larger, chance = CONSUMPTION
    made["consumption"] = np.rint(
        np.exp(
            level
            + town * made["urban"]
            + richer * wealth
            + larger * np.log(size / 4)
            + chance * draws.normal("consumption", key)
        )
    ).astype("int32")
    return made
