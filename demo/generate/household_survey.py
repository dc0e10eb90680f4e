"""Make the synthetic household survey: a two-stage sample of invented households on the real places of 2021.

    python -m demo.generate.household_survey [--into FILE] [--seed NUMBER]

There is no open household survey of the country, so nobody was asked: each household is drawn at random.
Frame, sizes and starting shares come from `household_survey_frame.csv` (2011 census and 2021 population by
local unit); how far the shares have moved since is an assumption of this script (`MOVED`), not a measurement.

Design: 15 strata (province x urban and rural, the Kathmandu Valley's towns apart); 250 primary sampling units
(wards) allocated by the square root of population, drawn with probability proportional to population,
systematically; 20 households a ward with equal probability from a fresh listing; some do not answer, and the
weights make up for them within their ward. Outcomes share a ward effect, so the design effect is above 1, and
a household's wealth, so they are correlated.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

FRAME = Path(__file__).with_name("household_survey_frame.csv")
DELIVERY = (
    Path(__file__).resolve().parents[1]
    / "deliveries"
    / "household_survey"
    / "synthetic_household_survey_2021.dta"
)
SEED = 20_210_611
WARDS, HOUSEHOLDS_A_WARD, LEAST_WARDS_A_STRATUM = 250, 20, 8
RESPONSE_RATE = 0.97
VALLEY = ("10", "36", "38")  # Bhaktapur, Kathmandu, Lalitpur by their figures
PROVINCES = ("Province 1", "Province 2", "Bagmati", "Gandaki", "Lumbini", "Karnali", "Sudurpashchim")
FILE_LABEL = "SYNTHETIC household survey 2021: made by a generator, nobody was asked"
_TIMESTAMP = re.compile(rb"(<timestamp>.)[^<]{17}(</timestamp>)", re.DOTALL)

# topic: categories in the order of their codes, from 1, as
# (column of the frame, label, factor on the share since 2011, how much likelier it is for a richer household)
MOVED = {
    "toilet": [
        ("FLUSH_TOILET", "Flush toilet", 2.2, 0.8),
        ("ORDINARY_TOILET", "Ordinary toilet", 1.0, 0.0),
        ("NO_TOILET", "No toilet", 0.05, -0.8),
    ],
    "water": [
        ("TAP_PIPED", "Tap or piped water", 1.4, 0.4),
        ("TUBEWELL", "Tubewell or handpump", 1.0, 0.2),
        ("COVERED_WELL", "Covered well", 0.8, 0.0),
        ("UNCOVERED_WELL", "Uncovered well", 0.5, -0.4),
        ("SPOUT_WATER", "Spout water", 0.7, -0.3),
        ("RIVER_STREAM", "River or stream", 0.5, -0.6),
        ("OTHERS", "Other", 1.5, 0.2),
    ],
    "lighting": [
        ("ELECTRICITY", "Electricity", 4.5, 0.6),
        ("SOLAR", "Solar", 2.0, 0.0),
        ("KEROSENE", "Kerosene", 0.05, -0.6),
        ("BIOGAS", "Biogas", 0.5, 0.0),
        ("OTHERS", "Other", 0.15, -0.5),
    ],
    "cooking": [
        ("WOOD", "Wood", 0.75, -0.6),
        ("LPG", "LPG", 3.5, 0.9),
        ("GUITHA", "Dung cakes", 0.3, -0.6),
        ("BIOGAS", "Biogas", 0.8, 0.2),
        ("ELECTRICITY", "Electricity", 6.0, 0.8),
        ("KEROSENE", "Kerosene", 0.1, 0.0),
        ("OTHERS", "Other", 0.5, -0.2),
    ],
    "ownership": [
        ("OWNED", "Owned", 1.0, 0.1),
        ("RENTED", "Rented", 1.1, 0.0),
        ("INSTITUTIONAL", "Institutional", 1.0, 0.0),
        ("OTHERS", "Other", 1.0, -0.3),
    ],
}
VARIABLE_OF_TOPIC = {
    "toilet": "toilet",
    "water": "drinking_water",
    "lighting": "lighting",
    "cooking": "cooking_fuel",
    "ownership": "home_ownership",
}
# facility: variable, shift of the log odds since 2011, effect of wealth
FACILITIES = {
    "MOBILE_PHONE": ("mobile_phone", 1.9, 0.8),
    "TELEVISION": ("television", 0.6, 0.9),
    "INTERNET": ("internet", 3.0, 1.1),
    "COMPUTER": ("computer", 1.0, 1.2),
}
LABELS = {
    "household_id": "Household (ward and number)",
    "stratum": "Stratum: province by urban and rural",
    "psu": "Primary sampling unit (ward)",
    "weight": "Weight of the household (expands to all households)",
    "province": "Province",
    "district": "District (code of the federal units)",
    "local_unit": "Local unit (code of the federal units)",
    "ward": "Ward of the local unit",
    "urban_rural": "Municipality or rural municipality",
    "head_name": "Name of the head of the household (invented)",
    "phone": "Telephone number (invented, not in use)",
    "household_size": "Members of the household",
    "head_sex": "Sex of the head",
    "head_age": "Age of the head in completed years",
    "head_literate": "Head can read and write",
    "toilet": "Main type of toilet",
    "drinking_water": "Main source of drinking water",
    "lighting": "Main source of light",
    "cooking_fuel": "Main fuel for cooking",
    "home_ownership": "Ownership of the dwelling",
    "mobile_phone": "Household has a mobile phone",
    "television": "Household has a television",
    "internet": "Household has internet",
    "computer": "Household has a computer",
    "consumption": "Monthly consumption per person (rupees)",
}
GIVEN_NAMES = {
    1: [
        "Arjun",
        "Bikash",
        "Chandra",
        "Dipak",
        "Ganesh",
        "Hari",
        "Ishwor",
        "Kamal",
        "Lal",
        "Mohan",
        "Narayan",
        "Prakash",
        "Raju",
        "Santosh",
        "Umesh",
    ],
    2: [
        "Anita",
        "Bimala",
        "Chameli",
        "Devi",
        "Gita",
        "Hira",
        "Indra",
        "Kamala",
        "Laxmi",
        "Maya",
        "Nirmala",
        "Purna",
        "Radha",
        "Sita",
        "Uma",
    ],
}
FAMILY_NAMES = [
    "Adhikari",
    "Bhandari",
    "Chaudhary",
    "Gurung",
    "Jha",
    "Khadka",
    "Limbu",
    "Magar",
    "Nepali",
    "Pandey",
    "Rai",
    "Sherpa",
    "Tamang",
    "Thapa",
    "Yadav",
]


def generate(seed: int = SEED) -> tuple[pd.DataFrame, dict[str, dict[int, str]]]:
    """Return the households (columns as in `LABELS`) and the value labels by variable."""
    random = np.random.Generator(np.random.PCG64(seed))
    frame = pd.read_csv(FRAME, dtype={"local_unit": str, "district": str})
    valley = frame["district"].isin(VALLEY) & (frame["urban"] == 1)
    frame["stratum"] = np.where(valley, 15, 2 * frame["province"] - frame["urban"])
    sample = _draw_wards(_list_wards(frame, random), random)
    households = _draw_households(sample, random)
    _answer(households, frame, random)
    return households[list(LABELS)], _value_labels()


def write(path: Path, seed: int = SEED) -> None:
    """Write the survey as a Stata file with variable and value labels; the same seed gives the same bytes."""
    households, value_labels = generate(seed)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        pyreadstat.write_dta(
            households,
            draft,
            file_label=FILE_LABEL,
            column_labels=list(LABELS.values()),
            variable_value_labels=value_labels,
        )
        # Stata files carry the minute in which they were written
        content, found = _TIMESTAMP.subn(rb"\g<1>30 Sep 2021 12:00\g<2>", draft.read_bytes())
    if found != 1:
        raise ValueError("the Stata file has no time stamp where one is expected")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _list_wards(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return one row a ward: its unit's row in the frame, number, population; units shared out at random."""
    unit = np.repeat(frame.index.to_numpy(), frame["wards"])
    number = np.concatenate([np.arange(1, count + 1) for count in frame["wards"]])
    part = pd.Series(random.gamma(8.0, size=len(unit)))
    population = part / part.groupby(unit).transform("sum") * frame["population"].to_numpy()[unit]
    return pd.DataFrame(
        {
            "unit": unit,
            "ward": number,
            "stratum": frame["stratum"].to_numpy()[unit],
            "population": np.maximum(60, population.round()).astype(int),
        }
    )


def _draw_wards(wards: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return the drawn wards with their `inclusion` probability: systematic, proportional to population."""
    size = wards.groupby("stratum")["population"].sum()
    spread = np.sqrt(size)
    exact = LEAST_WARDS_A_STRATUM + (WARDS - LEAST_WARDS_A_STRATUM * len(size)) * spread / spread.sum()
    count = np.floor(exact).astype(int)
    count[(exact - count).nlargest(WARDS - count.sum()).index] += 1
    drawn = []
    for stratum, members in wards.groupby("stratum"):
        step = size[stratum] / count[stratum]
        points = (random.random() + np.arange(count[stratum])) * step
        chosen = members.iloc[np.searchsorted(members["population"].cumsum(), points, side="right")]
        drawn.append(chosen.assign(inclusion=chosen["population"] / step))
    return pd.concat(drawn, ignore_index=True)


def _draw_households(sample: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return one row a household that answered, with ward effect, wealth and weight."""
    listed = np.maximum(
        HOUSEHOLDS_A_WARD, np.round(sample["population"] / 4.4 * np.exp(random.normal(0, 0.05, len(sample))))
    )
    answered = random.random((len(sample), HOUSEHOLDS_A_WARD)) < RESPONSE_RATE
    answered[:, 0] = True
    ward_effect = random.normal(0, 0.5, len(sample))
    base_weight = listed / HOUSEHOLDS_A_WARD / sample["inclusion"]
    weight = base_weight * HOUSEHOLDS_A_WARD / answered.sum(axis=1)
    row, number = np.nonzero(answered)
    households = sample.loc[row, ["unit", "ward", "stratum"]].reset_index(drop=True)
    households["number"] = number + 1
    households["ward_effect"] = ward_effect[row]
    households["wealth"] = ward_effect[row] + random.normal(0, 1, len(row))
    households["weight"] = weight.to_numpy()[row].round(4)
    return households


def _answer(households: pd.DataFrame, frame: pd.DataFrame, random: np.random.Generator) -> None:
    """Add the variables of the questionnaire to `households`, in place."""
    units = frame.iloc[households["unit"]].reset_index(drop=True)
    wealth, count = households["wealth"].to_numpy(), len(households)
    households["local_unit"] = units["local_unit"]
    households["district"] = units["district"]
    households["province"] = units["province"].astype("int8")
    households["urban_rural"] = (2 - units["urban"]).astype("int8")
    households["stratum"] = households["stratum"].astype("int8")
    households["psu"] = (units["local_unit"].astype(int) * 100 + households["ward"]).astype("int32")
    households["household_id"] = (households["psu"] * 100 + households["number"]).astype("int32")
    households["ward"] = households["ward"].astype("int8")

    mean_size = np.maximum(0.6, units["household_size"] * 0.87 - 1)
    households["household_size"] = (1 + random.poisson(mean_size)).astype("int8")
    households["head_sex"] = (1 + (random.random(count) < 0.31)).astype("int8")
    households["head_age"] = np.clip(random.normal(46, 14, count).round(), 18, 95).astype("int8")
    start = np.where(households["head_sex"] == 2, units["literate_female"], units["literate_male"])
    odds = _log_odds(start) + 0.5 - 0.04 * (households["head_age"] - 40) + 0.5 * wealth
    households["head_literate"] = _yes(odds, random)
    for topic, categories in MOVED.items():
        households[VARIABLE_OF_TOPIC[topic]] = _choose(units, topic, categories, wealth, random)
    for facility, (variable, shift, effect) in FACILITIES.items():
        households[variable] = _yes(_log_odds(units[f"has_{facility}"]) + shift + effect * wealth, random)
    consumption = np.exp(
        8.95
        + 0.25 * units["urban"]
        + 0.38 * wealth
        - 0.25 * np.log(households["household_size"] / 4)
        + random.normal(0, 0.25, count)
    )
    households["consumption"] = consumption.round()
    # some heads do not say, and some households keep their spending to themselves
    households.loc[random.random(count) < 0.015, "consumption"] = np.nan
    households["head_literate"] = households["head_literate"].where(random.random(count) >= 0.004)

    given = np.array([GIVEN_NAMES[1], GIVEN_NAMES[2]])
    first = given[households["head_sex"] - 1, random.integers(0, given.shape[1], count)]
    last = np.array(FAMILY_NAMES)[random.integers(0, len(FAMILY_NAMES), count)]
    households["head_name"] = np.char.add(np.char.add(first, " "), last)
    # no number of the country begins with 900
    households["phone"] = [f"900{number:07d}" for number in random.choice(10**7, count, replace=False)]


def _choose(
    units: pd.DataFrame, topic: str, categories: list[tuple], wealth: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Draw each household's category from its unit's shares, moved and tilted by wealth; codes from 1."""
    shares = units[[f"{topic}_{column}" for column, *_ in categories]].to_numpy()
    moved = np.array([factor for _, _, factor, _ in categories])
    tilt = np.array([effect for *_, effect in categories])
    utility = np.log((shares + 0.0005) * moved) + np.outer(wealth, tilt) + random.gumbel(size=shares.shape)
    return (utility.argmax(axis=1) + 1).astype("int8")


def _log_odds(share: pd.Series | np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(share, dtype=float), 0.001, 0.999)
    return np.log(clipped / (1 - clipped))


def _yes(odds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return (random.random(len(odds)) < 1 / (1 + np.exp(-np.asarray(odds)))).astype("int8")


def _value_labels() -> dict[str, dict[int, str]]:
    yes_no = {0: "No", 1: "Yes"}
    strata = {
        2 * number - urban: f"{name}, {'urban' if urban else 'rural'}"
        for number, name in enumerate(PROVINCES, start=1)
        for urban in (0, 1)
    }
    labels = {
        "stratum": dict(sorted(strata.items())) | {15: "Kathmandu Valley, urban"},
        "province": dict(enumerate(PROVINCES, start=1)),
        "urban_rural": {1: "Urban", 2: "Rural"},
        "head_sex": {1: "Male", 2: "Female"},
        "head_literate": yes_no,
    }
    for topic, categories in MOVED.items():
        labels[VARIABLE_OF_TOPIC[topic]] = {
            code: label for code, (_, label, *_) in enumerate(categories, start=1)
        }
    return labels | {variable: yes_no for variable, *_ in FACILITIES.values()}


def main(arguments: list[str] | None = None) -> None:
    """Write the survey's delivery."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=DELIVERY)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    write(options.into, options.seed)


if __name__ == "__main__":
    main()
