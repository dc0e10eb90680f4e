"""How often 95 per cent intervals hold the true value: of the survey, of 1,000 samples of the census file."""

import numpy as np
import pandas as pd
import pytest

from demo.generate.population import truth
from statloom.microdata.survey import Design, Estimand, estimate

HOMES = {
    "toilet_none": "toilet = 3",
    "toilet_flush": "toilet = 1",
    "toilet_any": "toilet <= 2",
    "water_piped": "drinking_water = 1",
    "water_improved": "drinking_water <= 3",
    "light_electricity": "lighting = 1",
    "light_solar": "lighting = 2",
    "cook_clean": "cooking_fuel in (2, 4, 5)",
    "cook_solid": "cooking_fuel in (1, 3)",
    "home_owned": "home_ownership = 1",
    "mobile_phone": "mobile_phone = 1",
    "internet": "internet = 1",
    "computer": "computer = 1",
    "television": "television = 1",
    "household_size": "household_size",
    "consumption": "consumption",
}
DISABLED = "greatest(seeing, hearing, walking, remembering, self_care, communicating) >= 3"
PERSONS = {
    "literacy": ("literate = 1", "age >= 5"),
    "school_attending": ("school = 1", "age between 5 and 25"),
    "secondary_passed": ("education >= 3", "age >= 25"),
    "employment": ("work = 1", "age >= 15"),
    "unemployment": ("work = 2", "work in (1, 2)"),
    "agriculture": ("sector = 1", "work = 1"),
    "own_telephone": ("own_telephone = 1", "age >= 10"),
    "disability": (DISABLED, "age >= 5"),
}
DOMAINS = [[], ["province"], ["urban_rural"], ["province", "urban_rural"], ["sex"], ["province", "sex"]]
DESIGN = Design("weight", strata="stratum", psu="psu")


@pytest.fixture(scope="module")
def survey(survey_files):
    households, persons = survey_files["households"][0], survey_files["persons"][0]
    households = households.drop(columns=["phone", "head_literate", "head_age"])
    households = households.rename(columns={"head_sex": "sex"})
    persons = persons.drop(columns="name").merge(households.drop(columns="sex"), on="household_id")
    return households, persons


def test_intervals_of_the_survey_hold_the_true_values(survey):
    households, persons = survey
    homes = [
        Estimand(name, "mean" if name in ("household_size", "consumption") else "proportion", text)
        for name, text in HOMES.items()
    ]
    people = [Estimand(name, "proportion", text, where=where) for name, (text, where) in PERSONS.items()]
    made = pd.concat(
        [estimate(households, DESIGN, homes, by=DOMAINS), estimate(persons, DESIGN, people, by=DOMAINS)]
    )
    cells = pd.read_csv(truth.FOLDER / "truth.csv")
    found = []
    for by in DOMAINS:
        rows = made[
            made[by].notna().all(axis=1)
            & made[[c for c in ("province", "urban_rural", "sex") if c not in by]].isna().all(axis=1)
        ]
        sums = cells.groupby(by).sum() if by else cells.sum().to_frame().T
        for name in [*HOMES, *PERSONS]:
            true = (sums[name] / sums[f"{name}_of"]).rename("truth")
            mine = rows[rows["estimand"] == name]
            found.append(
                mine.merge(true, left_on=by, right_index=True) if by else mine.assign(truth=true.iloc[0])
            )
    found = pd.concat(found)
    assert len(found) == len(made) == 24 * 40
    held = (found["ci_low"] <= found["truth"]) & (found["truth"] <= found["ci_high"])
    assert 0.92 <= held.mean() <= 0.98, held.mean()
    nation = found[found[["province", "urban_rural", "sex"]].isna().all(axis=1)]
    assert len(nation) == 24
    assert ((nation["estimate"] - nation["truth"]).abs() / nation["se"]).max() < 3.5


def test_poverty_and_inequality_of_the_survey(survey):
    _, persons = survey
    types = ("poverty_threshold", "poverty_rate", "gini", "quintile_share_ratio")
    estimands = [Estimand(name, name, "consumption") for name in types]
    made = estimate(persons, DESIGN, estimands, by=[[], ["province"]]).fillna({"province": 0})
    # the line of the nation is drawn for all
    made = made[(made["estimand"] != "poverty_threshold") | (made["province"] == 0)]
    true = pd.read_csv(truth.FOLDER / "truth_inequality.csv").melt(
        "province", var_name="estimand", value_name="truth"
    )
    made = made.merge(true, on=["province", "estimand"])
    held = (made["ci_low"] <= made["truth"]) & (made["truth"] <= made["ci_high"])
    assert len(made) == 25 and held.sum() >= 22
    assert ((made["estimate"] - made["truth"]).abs() / made["se"]).max() < 4


SAMPLES, WARDS_A_STRATUM = 1000, 40


@pytest.fixture(scope="module")
def wards(census_file):
    """Sums by ward of the census file: what a sample of whole wards needs to know."""
    ward = ["PROVINCE", "LOCAL_UNIT", "WARD"]
    people, homes = census_file["P"], census_file["H"]
    age = people["AGE"].astype(int)
    functions = ["SEEING", "HEARING", "WALKING", "REMEMBERING", "SELF_CARE", "COMMUNICATING"]
    of_people = {
        "literacy": (people["LITERATE"] == "1", people["LITERATE"].isin(["1", "2"])),
        "school_attending": (
            (people["SCHOOL"] == "1"),
            people["SCHOOL"].isin(["1", "2", "3"]) & age.between(5, 25),
        ),
        "disability": (people[functions].isin(["3", "4"]).any(axis=1), age >= 5),
        "own_telephone": (people["OWN_TELEPHONE"] == "1", age >= 10),
        "women": (people["SEX"] == "2", age >= 0),
    }
    of_homes = {
        "toilet_none": (homes["TOILET"] == "3", homes["TOILET"] != ""),
        "water_piped": (homes["DRINKING_WATER"] == "1", homes["TOILET"] != ""),
        "light_electricity": (homes["LIGHTING"] == "1", homes["TOILET"] != ""),
        "household_size": (homes["PERSONS"].astype(int), homes["TOILET"] != ""),
    }
    sums = {}
    for frame, measures in ((people, of_people), (homes, of_homes)):
        keys = [frame[column] for column in ward]
        for name, (value, of) in measures.items():
            sums[name] = (value * of).groupby(keys).sum()
            sums[f"{name}_of"] = of.groupby(keys).sum()
    urban = census_file["W"].set_index(ward)["URBAN_RURAL"]
    table = pd.DataFrame(sums)
    return table.assign(stratum=table.index.get_level_values("PROVINCE") + urban[table.index].to_numpy())


@pytest.fixture(scope="module")
def samples(wards):
    """1,000 samples, each 40 whole wards of each of 14 strata; all in one table, a sample a domain.

    Wards are drawn with probability proportional to their households, with replacement.
    """
    generator = np.random.default_rng(1001)
    drawn = []
    for number, (_, members) in enumerate(wards.groupby("stratum")):
        share = (members["household_size_of"] / members["household_size_of"].sum()).to_numpy()
        rows = generator.choice(len(members), SAMPLES * WARDS_A_STRATUM, p=share)
        table = members.iloc[rows].drop(columns="stratum").reset_index(drop=True)
        table["weight"] = 1 / (WARDS_A_STRATUM * share[rows])
        table["sample"] = np.arange(SAMPLES).repeat(WARDS_A_STRATUM)
        table["sample_stratum"] = 14 * table["sample"] + number
        drawn.append(table)
    return pd.concat(drawn, ignore_index=True)


@pytest.fixture(scope="module")
def estimates(samples):
    names = [name for name in samples if f"{name}_of" in samples]
    estimands = [Estimand(name, "ratio", numerator=name, denominator=f"{name}_of") for name in names]
    design = Design("weight", strata="sample_stratum")
    return estimate(samples, design, estimands, by=[["sample"]], degrees_of_freedom="domain")


MEASURES = ["literacy", "school_attending", "disability", "own_telephone", "women"]
MEASURES += ["toilet_none", "water_piped", "light_electricity", "household_size"]


@pytest.mark.parametrize("name", MEASURES)
def test_intervals_of_a_thousand_samples_hold_the_true_value(estimates, wards, name):
    made = estimates[estimates["estimand"] == name]
    true = wards[name].sum() / wards[f"{name}_of"].sum()
    assert len(made) == SAMPLES
    held = ((made["ci_low"] <= true) & (true <= made["ci_high"])).mean()
    assert 0.93 <= held <= 0.97, held
    assert made["se"].mean() == pytest.approx(made["estimate"].std(), rel=0.1)


def test_the_sums_of_wards_estimate_what_their_persons_do(census_file, samples, estimates):
    """The ratio of ward sums is the share among the persons, with the same standard error."""
    first = estimates[(estimates["sample"] == 0) & (estimates["estimand"] == "women")]
    drawn = samples[samples["sample"] == 0].assign(row=range(14 * WARDS_A_STRATUM))
    persons = drawn.loc[drawn.index.repeat(drawn["women_of"])]
    place = persons.groupby("row").cumcount()
    persons = persons.assign(woman=place < persons["women"])
    made = estimate(
        persons,
        Design("weight", strata="sample_stratum", psu="row"),
        [Estimand("women", "proportion", "woman")],
    )
    for column in ("estimate", "se", "ci_low", "ci_high"):
        assert made[column][0] == pytest.approx(first[column].iloc[0], rel=1e-12)
