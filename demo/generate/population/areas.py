"""Local units, wards and enumeration areas, with their households and persons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from demo.generate.population.draws import Draws

FRAME = Path(__file__).resolve().parents[1] / "household_survey_frame.csv"
# households became smaller: 4.37 persons in 2021 by 4.88 in 2011
SIZE_SINCE_2011 = 0.895
LEAST_SIZE, LEAST_PERSONS_A_WARD = 2.4, 20
HOUSEHOLDS_AN_AREA = 180
# wards differ in population as a gamma variable of shape 8 does, areas in household size by some 6 %
# areas handled at a time: their arrays stay in the processor's cache
BLOCK = 500
WARD_SHAPE, AREA_SIZE_SPREAD = 8.0, 0.06


def local_units() -> pd.DataFrame:
    """Return the frame: one row a local unit, with its stratum (province by urban and rural, 1 to 14)."""
    units = pd.read_csv(FRAME, dtype={"local_unit": str, "district": str})
    units["stratum"] = 2 * units["province"] - units["urban"]
    return units


def enumeration_areas(units: pd.DataFrame, draws: Draws) -> pd.DataFrame:
    """Return one row an enumeration area, in the order of places.

    Columns: `unit` (row of `units`), `local_unit, district, province, urban, stratum, ward, area` (from 1 in
    its ward), `households, persons`. Persons add up to the population of each local unit.
    """
    ward_unit = np.repeat(np.arange(len(units)), units["wards"])
    ward = _from_one(units["wards"].to_numpy())
    part = gammaincinv(WARD_SHAPE, draws.uniform("ward population", _key(ward_unit, 100, ward)))
    spare = units["population"].to_numpy() - LEAST_PERSONS_A_WARD * units["wards"].to_numpy()
    persons = LEAST_PERSONS_A_WARD + share_out(spare, part, ward_unit)
    size = np.maximum(LEAST_SIZE, SIZE_SINCE_2011 * units["household_size"].to_numpy())[ward_unit]
    households = np.maximum(1, np.rint(persons / size)).astype(int)

    count = np.maximum(1, np.rint(households / HOUSEHOLDS_AN_AREA)).astype(int)
    row = np.repeat(np.arange(len(count)), count)
    area = _from_one(count)
    listed = share_out(households, np.ones(len(row)), row)
    spread = np.exp(
        AREA_SIZE_SPREAD * draws.normal("area size", _key(ward_unit[row], 100_000, ward[row] * 1000 + area))
    )
    # one person a household for certain, the others by the area's mean size
    others = share_out(persons - households, listed * spread, row)
    unit = ward_unit[row]
    places = units.loc[unit, ["local_unit", "district", "province", "urban", "stratum"]]
    return places.reset_index(drop=True).assign(
        unit=unit, ward=ward[row], area=area, households=listed, persons=listed + others
    )


def household_sizes(areas: pd.DataFrame, draws: Draws) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row label of the area, number in the area (from 1) and persons of all households of `areas`.

    One person lives in each household for certain; the area's others are shared out at random, so that a
    size less one is a Poisson variable given the area's total.
    """
    listed, others = areas["households"].to_numpy(), (areas["persons"] - areas["households"]).to_numpy()
    label = areas.index.to_numpy()
    sizes = []
    for start in range(0, len(areas), BLOCK):
        here = slice(start, start + BLOCK)
        place = np.repeat(np.arange(len(listed[here])), others[here])
        unit = _key(label[here][place], 2**20, _from_one(others[here]))
        first = np.cumsum(listed[here]) - listed[here]
        home = (draws.uniform("household of the person", unit) * listed[here][place]).astype(int)
        sizes.append(1 + np.bincount(first[place] + home, minlength=listed[here].sum()))
    return np.repeat(label, listed), _from_one(listed), np.concatenate(sizes)


def share_out(total: np.ndarray, part: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return whole numbers in proportion to `part` that add up to `total` of their `group`.

    `group` numbers the rows' groups from 0, in order. Largest remainders are rounded up, the first of equals.
    """
    exact = part / np.bincount(group, part)[group] * total[group]
    whole = np.floor(exact).astype(int)
    missing = total - np.bincount(group, whole).astype(int)
    order = np.lexsort((np.arange(len(part)), whole - exact, group))
    rank = np.empty(len(part), int)
    rank[order] = np.arange(len(part)) - np.searchsorted(group, group)
    return whole + (rank < missing[group])


def _from_one(count: np.ndarray) -> np.ndarray:
    """Return 1 … n for each n of `count`, one after the other."""
    start = np.cumsum(count) - count
    return np.arange(count.sum()) - np.repeat(start, count) + 1


def _key(major: np.ndarray, base: int, minor: np.ndarray) -> np.ndarray:
    return np.asarray(major, np.uint64) * np.uint64(base) + np.asarray(minor, np.uint64)
