"""Make the synthetic census file: one household in 110 of the synthetic population, in CSPro's format.

    python -m demo.generate.census_sample [--into FILE] [--seed NUMBER]

Called a one per cent file: its 264,000 persons are as many as one per cent of the 2011 census. Households are
drawn systematically from the list in the order of places. Levels: the ward with its record, and the household
with its own record and one a person. Names are tokens; telephone numbers begin with 900, as no number of the
country does. The age is known of everybody; a few did not state whether they can read or went to school.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from demo.generate import census_sample_layout as layout
from demo.generate import cspro, stable
from demo.generate.population import LABEL, SEED, areas, codes
from demo.generate.population.draws import Draws
from demo.generate.population.households import households
from demo.generate.population.persons import persons

NAME = "synthetic_census_sample_2021"
DELIVERY = Path(__file__).resolve().parents[1] / "deliveries" / "census_sample" / f"{NAME}.zip"
STEP, START = 110, 57
NOT_STATED = 0.004
LINES_A_HOUSEHOLD = 64
CASE = ("PROVINCE", "DISTRICT", "LOCAL_UNIT", "WARD", "AREA", "HOUSEHOLD")


def generate(seed: int = SEED) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the file's wards, households and persons, in the order of places.

    Columns are the items of `census_sample_layout`, and `ward_row` of a household and `household_row` of a
    person: the row that it belongs to. Numbers below 0 are blank fields.
    """
    draws = Draws(seed)
    frame = areas.enumeration_areas(areas.local_units(), draws)
    label, number, size = areas.household_sizes(frame, draws)
    drawn = slice(START, None, STEP)
    homes = households(frame, label[drawn], number[drawn], size[drawn], draws)
    people = persons(homes, draws)
    wards, ward_row = _wards(frame, homes)
    return wards, _households(homes, ward_row, draws), _persons(homes, people, draws)


def _wards(frame: pd.DataFrame, homes: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the wards that have a household in the file, and the row of each household's ward."""
    listed = frame.groupby(["local_unit", "ward"])["households"].sum()
    place = pd.MultiIndex.from_frame(homes[["local_unit", "ward"]])
    row, found = pd.factorize(place)
    first = np.unique(row, return_index=True)[1]
    wards = _case(homes.iloc[first], CASE[:4])
    wards["URBAN_RURAL"] = 2 - homes["urban"].to_numpy()[first]
    wards["LISTED"] = listed.reindex(found).to_numpy()
    return wards, row


def _households(homes: pd.DataFrame, ward_row: np.ndarray, draws: Draws) -> pd.DataFrame:
    made = _case(homes, CASE)
    made["PERSONS"] = homes["size"].to_numpy()
    for variable in layout.TOPICS:
        made[variable.upper()] = homes[variable].to_numpy()
    for variable in layout.FACILITIES:
        made[variable.upper()] = 2 - homes[variable].to_numpy()
    key = homes["key"].to_numpy()
    number = 9_000_000_000 + np.floor(draws.uniform("telephone number", key) * 1e7).astype(np.int64)
    made["CONTACT_NUMBER"] = number.astype(f"S{layout.NUMBER_LENGTH}")
    return made.assign(ward_row=ward_row)


def _persons(homes: pd.DataFrame, people: pd.DataFrame, draws: Draws) -> pd.DataFrame:
    row = people["household"].to_numpy()
    made = _case(homes, CASE).iloc[row].reset_index(drop=True)
    made["LINE"] = people["line"].to_numpy()
    made["NAME"] = _tokens(made)
    for item in ("relationship", "sex", "age", "literate", "school", "education", "work"):
        made[item.upper()] = people[item].to_numpy().astype(np.int16)
    made["OWN_TELEPHONE"] = people["telephone"].to_numpy()
    for function in codes.FUNCTIONS:
        made[function.upper()] = people[function].to_numpy()
    key = homes["key"].to_numpy()[row] * np.uint64(LINES_A_HOUSEHOLD) + made["LINE"].to_numpy(np.uint64)
    for item in ("LITERATE", "SCHOOL"):
        silent = (draws.uniform(f"{item} not stated", key) < NOT_STATED) & (made[item] > 0)
        made.loc[silent, item] = layout.NOT_STATED_CODE
    not_asked = ["LITERATE", "SCHOOL", "WORK", "OWN_TELEPHONE"]
    not_asked += [function.upper() for function in codes.FUNCTIONS]
    for item in not_asked:
        made[item] = made[item].where(made[item] > 0, -1)
    return made.assign(household_row=row)


def _case(homes: pd.DataFrame, items: tuple[str, ...]) -> pd.DataFrame:
    """Return what identifies the households' cases, as numbers."""
    of = {"PROVINCE": "province", "DISTRICT": "district", "LOCAL_UNIT": "local_unit", "WARD": "ward"}
    of |= {"AREA": "area", "HOUSEHOLD": "number"}
    return pd.DataFrame({item: homes[of[item]].to_numpy().astype(np.int32) for item in items})


def _tokens(people: pd.DataFrame) -> np.ndarray:
    """Return a token in place of each name, such as `Nobody 10101-07-001-023-02`."""
    token = np.full((len(people), layout.NAME_LENGTH), ord("-"), np.uint8)
    token[:, :7] = np.frombuffer(b"Nobody ", np.uint8)
    start = 7
    for item, length in (("LOCAL_UNIT", 5), ("WARD", 2), ("AREA", 3), ("HOUSEHOLD", 3), ("LINE", 2)):
        token[:, start : start + length] = cspro.digits(people[item].to_numpy(), length)
        start += length + 1
    return token.view(f"S{layout.NAME_LENGTH}").ravel()


def write(path: Path, seed: int = SEED) -> None:
    """Write dictionary and data into one zip file; the same seed gives the same bytes."""
    wards, homes, people = generate(seed)
    label = f"{LABEL}. Census file 2021, one household in {STEP}"
    dictionary = cspro.dictionary(NAME.upper(), label, layout.LEVELS)
    # a ward's record stands before its first household, a person's after the household's
    order = (1 + np.arange(len(homes))) * LINES_A_HOUSEHOLD
    ward_order = order[np.unique(homes["ward_row"], return_index=True)[1]] - 1
    person_order = order[people["household_row"]] + people["LINE"].to_numpy()
    data = cspro.join(
        [
            (cspro.lines(layout.LEVELS, layout.WARD, wards), ward_order),
            (cspro.lines(layout.LEVELS, layout.HOUSEHOLD, homes), order),
            (cspro.lines(layout.LEVELS, layout.PERSON, people), person_order),
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    stable.write_zip(path, {f"{NAME}.dcf": dictionary.encode(), f"{NAME}.dat": data})


def main(arguments: list[str] | None = None) -> None:
    """Write the census file's delivery."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=DELIVERY)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    write(options.into, options.seed)


if __name__ == "__main__":
    main()
