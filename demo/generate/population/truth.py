"""The true values of the synthetic population, which a survey of it estimates.

    python -m demo.generate.population.truth [--into FOLDER] [--seed NUMBER]

A pass over all households and persons (a minute). `truth.csv`: a row for each district, urban or rural,
and sex (of the head for measures of households); for each measure the numerator `<measure>` and the
denominator `<measure>_of`, which add up. `truth_inequality.csv`: poverty and inequality of the nation
(province 0) and the provinces, which do not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from demo.generate.population import SEED, areas
from demo.generate.population.draws import Draws
from demo.generate.population.households import households
from demo.generate.population.persons import disabled, persons

FOLDER = Path(__file__).parent
CELL = ["province", "district", "urban_rural", "sex"]
AREAS_AT_A_TIME = 1000
MOST_RUPEES = 400_000


def measures(
    homes: pd.DataFrame, people: pd.DataFrame
) -> dict[str, tuple[pd.DataFrame, np.ndarray, np.ndarray]]:
    """Return for each measure the frame it is of, what is counted (or added up) and who is asked."""
    everybody = np.ones(len(homes), bool)
    of_homes = {
        "toilet_none": homes["toilet"] == 3,
        "toilet_flush": homes["toilet"] == 1,
        "toilet_any": homes["toilet"] <= 2,
        "water_piped": homes["drinking_water"] == 1,
        "water_improved": homes["drinking_water"] <= 3,
        "light_electricity": homes["lighting"] == 1,
        "light_solar": homes["lighting"] == 2,
        "cook_clean": homes["cooking_fuel"].isin([2, 4, 5]),
        "cook_solid": homes["cooking_fuel"].isin([1, 3]),
        "home_owned": homes["home_ownership"] == 1,
        "mobile_phone": homes["mobile_phone"] == 1,
        "internet": homes["internet"] == 1,
        "computer": homes["computer"] == 1,
        "television": homes["television"] == 1,
        "household_size": homes["size"],
        "consumption": homes["consumption"],
    }
    age, works = people["age"], people["work"] == 1
    of_people = {
        "literacy": (people["literate"] == 1, age >= 5),
        "school_attending": (people["school"] == 1, age.between(5, 25)),
        "secondary_passed": (people["education"] >= 3, age >= 25),
        "employment": (works, age >= 15),
        "unemployment": (people["work"] == 2, people["work"].isin([1, 2])),
        "agriculture": (people["sector"] == 1, works),
        "own_telephone": (people["telephone"] == 1, age >= 10),
        "disability": (disabled(people), age >= 5),
    }
    found = {name: (homes, value.to_numpy(), everybody) for name, value in of_homes.items()}
    return found | {name: (people, np.asarray(v), np.asarray(of)) for name, (v, of) in of_people.items()}


def cells(homes: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Return the sums by cell of `CELL`: two columns a measure."""
    homes = homes.assign(urban_rural=2 - homes["urban"], sex=homes["head_sex"])
    place = homes[["province", "district", "urban_rural"]].iloc[people["household"]].reset_index(drop=True)
    people = pd.concat([place, people], axis=1)
    grouped = {id(frame): frame.groupby(CELL, sort=True).ngroup().to_numpy() for frame in (homes, people)}
    first = {id(frame): frame[CELL].drop_duplicates().sort_values(CELL) for frame in (homes, people)}
    found = []
    for name, (frame, value, asked) in measures(homes, people).items():
        group, number = grouped[id(frame)], len(first[id(frame)])
        sums = {
            name: np.bincount(group, value * asked, number).astype(int),
            f"{name}_of": np.bincount(group, asked, number).astype(int),
        }
        found.append(pd.DataFrame(sums, index=pd.MultiIndex.from_frame(first[id(frame)])))
    return pd.concat(found, axis=1).fillna(0).astype(int).sort_index()


def inequality(persons_by_rupees: np.ndarray, line: float | None = None) -> dict[str, float]:
    """Return poverty and inequality of persons counted by whole rupees (index) of their consumption.

    `line` is the poverty line, at 60 per cent of the median unless given. Formulas as in
    docs/survey-estimation.md.
    """
    rupees = np.flatnonzero(persons_by_rupees)
    count = persons_by_rupees[rupees].astype(float)
    upto, total = np.cumsum(count), count.sum()
    amount = count * rupees
    median, low, high = (rupees[np.searchsorted(upto, share * total)] for share in (0.5, 0.2, 0.8))
    line = 0.6 * median if line is None else line
    return {
        "poverty_threshold": line,
        "poverty_rate": count[rupees <= line].sum() / total,
        "gini": (amount * (2 * upto - count)).sum() / (total * amount.sum()) - 1,
        "quintile_share_ratio": amount[rupees > high].sum() / amount[rupees <= low].sum(),
    }


def truth(seed: int = SEED) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables of the whole population."""
    draws = Draws(seed)
    frame = areas.enumeration_areas(areas.local_units(), draws)
    sums, rupees = [], np.zeros((8, MOST_RUPEES), np.int64)
    for start in range(0, len(frame), AREAS_AT_A_TIME):
        block = frame.iloc[start : start + AREAS_AT_A_TIME]
        homes = households(block, *areas.household_sizes(block, draws), draws)
        sums.append(cells(homes, persons(homes, draws)))
        for province, members in homes.groupby("province"):
            rupees[province] += np.bincount(members["consumption"], members["size"], MOST_RUPEES).astype(int)
    rupees[0] = rupees.sum(axis=0)
    nation = inequality(rupees[0])
    rows = [{"province": 0, **nation}]
    rows += [
        {"province": province, **inequality(rupees[province], nation["poverty_threshold"])}
        for province in range(1, 8)
    ]
    return pd.concat(sums).groupby(level=CELL).sum(), pd.DataFrame(rows).set_index("province").round(8)


def main(arguments: list[str] | None = None) -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=FOLDER)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    for table, name in zip(truth(options.seed), ("truth", "truth_inequality"), strict=True):
        table.to_csv(options.into / f"{name}.csv", lineterminator="\n")


if __name__ == "__main__":
    main()
