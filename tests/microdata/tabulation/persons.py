"""A small population with the faults of real ones, and a tabulation of it in plain pandas."""

import itertools

import numpy as np
import pandas as pd

REQUEST = """
columns:
  province: text
  district: text
  ward: text
  sex: text
  age: integer
  literate: boolean
  income: number
  weight: number
country: NP
tabulation:
  places: {province: province, district: district, ward: ward}
  populations:
    adults: age >= 15
    women: sex = 'F' and age between 15 and 49
  denominators:
    persons:
    adults: {population: adults}
  numerators:
    literate_adults: {population: adults, expression: literate}
    young_women: {population: women, expression: age < 30}
    years: age
    income: {population: adults, expression: income / 3}
  breakdowns:
    sex: {expression: sex, categories: [F, M]}
    age_group: case when age < 15 then '0-14' when age < 65 then '15-64' when age >= 65 then '65+' end
"""


def made(count=4000, seed=7):
    """Persons in 2 provinces, 5 districts and 30 wards; some without sex, age, answer, income or ward."""
    draw = np.random.default_rng(seed)
    ward = draw.integers(0, 30, count)
    frame = pd.DataFrame(
        {
            "province": np.where(ward < 12, "1", "2"),
            "district": [f"D{number // 6}" for number in ward],
            "ward": [f"{number:02}" for number in ward],
            "sex": draw.choice(np.array(["F", "M", None], dtype=object), count, p=[0.5, 0.48, 0.02]),
            "age": pd.array(draw.integers(0, 95, count), "Int16"),
            "literate": pd.array(draw.random(count) < 0.6, "boolean"),
            "income": np.round(draw.lognormal(9, 1, count), 2),
            "weight": draw.uniform(0.5, 3, count),
        }
    )
    frame.loc[draw.random(count) < 0.01, "age"] = pd.NA
    frame.loc[draw.random(count) < 0.1, "literate"] = pd.NA
    frame.loc[draw.random(count) < 0.1, "income"] = np.nan
    frame.loc[draw.random(count) < 0.01, "ward"] = None
    return frame


def by_hand(frame, *, weighted=False):
    """All cells of `REQUEST`, one row a cell and measure: value and n, with exact sums of millionths."""
    age, sex = frame["age"], frame["sex"]
    adults, women = (age >= 15).fillna(False), ((sex == "F") & age.between(15, 49)).fillna(False)
    everyone = pd.Series(True, index=frame.index)
    measures = {
        "persons": (everyone, None),
        "adults": (adults, None),
        "literate_adults": (adults & frame["literate"].fillna(False), None),
        "young_women": (women & (age < 30).fillna(False), None),
        "years": (age.notna(), age.astype(float)),
        "income": (adults & frame["income"].notna(), frame["income"] / 3),
    }
    weight = np.floor(frame["weight"] * 1e6 + 0.5).astype(object) if weighted else 1
    categories = pd.DataFrame(
        {
            "sex": sex.fillna("_U"),
            "age_group": pd.cut(age.astype(float), [-1, 14, 64, 200], labels=["0-14", "15-64", "65+"])
            .astype(object)
            .where(age.notna(), "_U"),
        }
    )
    blocks = []
    for name, (counted, values) in measures.items():
        scale = 1_000_000 if weighted else 1
        amount = pd.Series(1, index=frame.index, dtype=object)
        if name == "years":
            amount = values.fillna(0).astype(int).astype(object)
        elif name == "income":
            amount, scale = (
                np.floor(values.fillna(0) * 1e6 + 0.5).astype(int).astype(object),
                scale * 1_000_000,
            )
        used = pd.DataFrame({"value": (amount * weight).where(counted, 0), "n": counted.astype(int)})
        for level, by in itertools.product(
            ("country", "province", "district", "ward"), ([], ["sex"], ["age_group"], ["sex", "age_group"])
        ):
            keys = pd.DataFrame(
                {"place_code": "NP" if level == "country" else frame[level]}, index=frame.index
            )
            for part in ("sex", "age_group"):
                keys[part] = categories[part] if part in by else "_T"
            sums = pd.concat([keys, used], axis=1).groupby(list(keys), as_index=False).sum()
            sums["value"] = [int(value) / scale for value in sums["value"]]
            blocks.append(sums.assign(place_level=level, measure=name))
    return pd.concat(blocks, ignore_index=True)
