"""Make the synthetic household survey: a sample of the synthetic population, as two Stata files in a zip.

    python -m demo.generate.household_survey [--into FILE] [--seed NUMBER]

Design: 14 strata (province by urban and rural); 600 enumeration areas, allocated to the strata by the square
root of their households and drawn with probability proportional to persons, systematically from a list in
random order; 20 households an area with equal probability from its listing. Some do not answer; the weights
of the others make up for them within their area. An estimate needs `stratum`, `psu` and `weight`.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

from demo.generate import household_survey_layout as layout
from demo.generate import stable
from demo.generate.population import LABEL, SEED, areas
from demo.generate.population.draws import Draws
from demo.generate.population.households import households
from demo.generate.population.persons import persons

NAME = "synthetic_household_survey_2021"
DELIVERY = Path(__file__).resolve().parents[1] / "deliveries" / "household_survey" / f"{NAME}.zip"
AREAS, HOUSEHOLDS_AN_AREA, LEAST_AREAS_A_STRATUM = 600, 20, 16
ANSWERS = {"urban": 0.95, "rural": 0.98}
# some keep their spending to themselves, or do not say whether they can read
NO_CONSUMPTION, NO_LITERACY = 0.015, 0.004
_TIMESTAMP = re.compile(rb"(<timestamp>.)[^<]{17}(</timestamp>)", re.DOTALL)


def generate(seed: int = SEED) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the households and persons that answered; columns as in `household_survey_layout`."""
    draws = Draws(seed)
    frame = areas.enumeration_areas(areas.local_units(), draws)
    sample = draw_areas(frame, draws)
    homes = _draw_households(sample, draws)
    people = persons(homes, draws)
    return _households(homes, people, draws), _persons(homes, people, draws)


def draw_areas(frame: pd.DataFrame, draws: Draws) -> pd.DataFrame:
    """Return the areas of `frame` that are drawn, with `inclusion`, the probability that they are."""
    size = frame.groupby("stratum")["persons"].sum()
    spread = np.sqrt(frame.groupby("stratum")["households"].sum())
    exact = LEAST_AREAS_A_STRATUM + (AREAS - LEAST_AREAS_A_STRATUM * len(size)) * spread / spread.sum()
    count = np.floor(exact).astype(int)
    count[(exact - count).nlargest(AREAS - count.sum()).index] += 1
    listed = frame.iloc[np.argsort(draws.uniform("order of the list", frame.index.to_numpy(np.uint64)))]
    drawn = []
    for stratum, members in listed.groupby("stratum"):
        step = size[stratum] / count[stratum]
        start = draws.uniform("start of the list", np.array([stratum], np.uint64))[0]
        points = (start + np.arange(count[stratum])) * step
        chosen = members.iloc[np.searchsorted(members["persons"].cumsum(), points, side="right")]
        drawn.append(chosen.assign(inclusion=chosen["persons"] / step))
    return pd.concat(drawn).sort_index()


def _draw_households(sample: pd.DataFrame, draws: Draws) -> pd.DataFrame:
    """Return the households that were drawn and answered, with `weight` and the area's row in the frame."""
    area, number, size = areas.household_sizes(sample, draws)
    homes = households(sample, area, number, size, draws)
    key = homes["key"].to_numpy()
    homes["chance"] = draws.uniform("drawn", key)
    rank = homes.groupby("area_row")["chance"].rank()
    homes = homes[rank <= HOUSEHOLDS_AN_AREA]
    share = np.where(homes["urban"] == 1, ANSWERS["urban"], ANSWERS["rural"])
    answers = draws.uniform("answers", homes["key"].to_numpy()) < share
    homes = homes[answers].reset_index(drop=True)
    area = sample.loc[homes["area_row"]]
    here = homes.groupby("area_row")["size"].transform("size").to_numpy()
    homes["listed"] = area["households"].to_numpy()
    homes["weight"] = (homes["listed"] / here / area["inclusion"].to_numpy()).round(4)
    return homes


def _households(homes: pd.DataFrame, people: pd.DataFrame, draws: Draws) -> pd.DataFrame:
    key = homes["key"].to_numpy()
    made = homes.rename(columns={"size": "household_size", "listed": "psu_households"})
    made["psu"] = (made["area_row"] + 1).astype("int32")
    made["household_id"] = made["psu"] * 1000 + made["number"].astype("int32")
    made["urban_rural"] = 2 - made["urban"]
    made["phone"] = (9_000_000_000 + draws.uniform("telephone number", key) * 1e7).astype("int64").astype(str)
    head = people.drop_duplicates("household").reset_index(drop=True)
    silent = draws.uniform("LITERATE not stated", key * np.uint64(64) + np.uint64(1)) < NO_LITERACY
    made["head_literate"] = (2.0 - head["literate"]).mask(silent)
    made["consumption"] = made["consumption"].mask(
        draws.uniform("consumption not stated", key) < NO_CONSUMPTION
    )
    small = {name: "int8" for name in layout.HOUSEHOLD if name in layout.labels() and name != "head_literate"}
    small |= {"ward": "int8", "household_size": "int8", "head_age": "int8", "psu_households": "int16"}
    return made[list(layout.HOUSEHOLD)].astype(small)


def _persons(homes: pd.DataFrame, people: pd.DataFrame, draws: Draws) -> pd.DataFrame:
    row = people["household"].to_numpy()
    made = people.rename(columns={"telephone": "own_telephone"})
    made["household_id"] = ((homes["area_row"] + 1) * 1000 + homes["number"]).to_numpy("int32")[row]
    line = made["line"].astype(str).str.zfill(2)
    made["name"] = "Nobody " + made["household_id"].astype(str) + "-" + line
    key = homes["key"].to_numpy()[row] * np.uint64(64) + made["line"].to_numpy(np.uint64)
    silent = draws.uniform("LITERATE not stated", key) < NO_LITERACY
    for column in layout.NOT_ASKED:
        made[column] = made[column].astype("float32").mask(made[column] < (0 if column == "education" else 1))
    made["literate"] = (2 - made["literate"]).mask(silent)
    made["own_telephone"] = 2 - made["own_telephone"]
    return made[list(layout.PERSON)]


def write(path: Path, seed: int = SEED) -> None:
    """Write both files into a zip; the same seed gives the same bytes."""
    homes, people = generate(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    stable.write_zip(
        path,
        {
            f"{NAME}_households.dta": _stata(homes, "households", layout.HOUSEHOLD),
            f"{NAME}_persons.dta": _stata(people, "persons", layout.PERSON),
        },
    )


def _stata(frame: pd.DataFrame, what: str, labels: dict[str, str]) -> bytes:
    """Return `frame` as a Stata file with variable and value labels, without the minute of its making."""
    value_labels = {name: values for name, values in layout.labels().items() if name in labels}
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.dta"
        pyreadstat.write_dta(
            frame,
            draft,
            file_label=f"{LABEL}: {what}",
            column_labels=list(labels.values()),
            variable_value_labels=value_labels,
        )
        content, found = _TIMESTAMP.subn(rb"\g<1>30 Sep 2021 12:00\g<2>", draft.read_bytes())
    if found != 1:
        raise ValueError("the Stata file has no time stamp where one is expected")
    return content


def main(arguments: list[str] | None = None) -> None:
    """Write the survey's delivery."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=DELIVERY)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    write(options.into, options.seed)


if __name__ == "__main__":
    main()
