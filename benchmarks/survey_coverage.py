"""How often 95 % intervals hold the truth: 1,000 samples drawn from the synthetic census.

Usage: python -m benchmarks.survey_coverage [--samples 1000]

The synthetic census file (61,016 households with all their persons, one in 110 of the synthetic population)
is the population. A sample is, in each of 14 strata (province by urban and rural), 40 wards (nearly 600 in
all, as in the demo's survey) drawn by simple random sampling, and in each at most 6 households, also simple
random. Every estimand is estimated from every sample, with both finite population corrections and the
sample's own degrees of freedom. The aim is 93 to 97 %. The result goes to
``benchmarks/results/survey_coverage.md``.
"""

import argparse
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from benchmarks.machine import describe
from benchmarks.survey import ROOT
from demo.generate import census_sample
from demo.generate.population import SEED, areas
from demo.generate.population.draws import Draws
from demo.generate.population.households import households
from demo.generate.population.persons import persons
from statloom.microdata.survey import Design, Estimand, estimate

WARDS, HOUSEHOLDS = 40, 6
LEAST, MOST = 0.93, 0.97

# All samples stand in one table, a sample a domain. The line of a poverty rate is drawn over all domains: it
# is not among them.
ESTIMANDS = [
    Estimand("households", "total", "1"),
    Estimand("persons", "total", "size"),
    Estimand("household size", "mean", "size"),
    Estimand("literate, 5 years and older", "ratio", numerator="literate", denominator="asked"),
    Estimand("women", "ratio", numerator="women", denominator="size"),
    Estimand("no toilet", "proportion", "toilet = 3", interval="logit"),
    Estimand("piped water", "proportion", "drinking_water = 1"),
    Estimand("piped water, urban", "proportion", "drinking_water = 1", where="urban = 1"),
    Estimand("piped water, head is a woman", "proportion", "drinking_water = 1", where="head_sex = 2"),
    Estimand("electric light", "proportion", "lighting = 1", interval="beta"),
    Estimand("internet", "proportion", "internet = 1", interval="likelihood"),
    Estimand("consumption", "mean", "consumption"),
    Estimand("consumption, median", "quantile", "consumption"),
    Estimand("consumption, lowest tenth", "quantile", "consumption", probability=0.1),
    Estimand("poverty line", "poverty_threshold", "consumption"),
    Estimand("Gini", "gini", "consumption"),
    Estimand("S80/S20", "quintile_share_ratio", "consumption"),
]


def census() -> pd.DataFrame:
    """Return the census's households, counts of their persons, stratum, ward and its households."""
    draws = Draws(SEED)
    frame = areas.enumeration_areas(areas.local_units(), draws)
    label, number, size = areas.household_sizes(frame, draws)
    drawn = slice(census_sample.START, None, census_sample.STEP)
    homes = households(frame, label[drawn], number[drawn], size[drawn], draws)
    people = persons(homes, draws)
    counts = pd.DataFrame(
        {
            "literate": (people["literate"] == 1) & (people["age"] >= 5),
            "asked": people["age"] >= 5,
            "women": people["sex"] == 2,
        }
    ).astype(int)
    homes = homes.join(counts.groupby(people["household"].to_numpy()).sum())
    homes["ward_row"] = homes.groupby(["local_unit", "ward"]).ngroup()
    homes["stratum"] = homes["province"] * 2 + homes["urban"]
    homes["ward_households"] = homes.groupby("ward_row")["ward_row"].transform("size")
    homes["stratum_wards"] = homes.groupby("stratum")["ward_row"].transform("nunique")
    return homes.sort_values("ward_row", kind="stable").reset_index(drop=True)


def samples(homes: pd.DataFrame, number: int) -> pd.DataFrame:
    """Return the households of ``number`` samples; column ``sample`` says whose."""
    generator = np.random.default_rng(2021)
    wards = homes.drop_duplicates("ward_row")[["ward_row", "stratum", "ward_households"]]
    first = homes.drop_duplicates("ward_row").index.to_numpy()
    parts = []
    for _, listed in wards.groupby("stratum"):
        chosen = np.argsort(generator.random((number, len(listed))), axis=1)[:, :WARDS]
        ward = listed["ward_row"].to_numpy()[chosen].ravel()
        sample = np.arange(number).repeat(WARDS)
        size = homes["ward_households"].to_numpy()[first[ward]]
        rank = np.argsort(
            np.where(
                np.arange(size.max()) < size[:, None], generator.random((len(size), size.max())), np.inf
            ),
            axis=1,
        )[:, :HOUSEHOLDS]
        taken = np.arange(HOUSEHOLDS) < size[:, None]
        rows = (first[ward][:, None] + rank)[taken]
        parts.append(homes.iloc[rows].assign(sample=sample.repeat(taken.sum(axis=1)), household=rows))
    drawn = pd.concat(parts, ignore_index=True)
    # Each sample has strata and wards of its own; nothing of one counts in another.
    drawn["sample_stratum"] = drawn["sample"] * 100 + drawn["stratum"]
    drawn["sample_ward"] = drawn["sample"] * len(wards) + drawn["ward_row"]
    return drawn


def coverage(homes: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    """Return for each estimand the truth, how many intervals hold it, and standard errors by the spread."""
    design = Design(
        None,
        strata="sample_stratum",
        psu=("sample_ward", "household"),
        fpc=("stratum_wards", "ward_households"),
        # Wards with one household: all of it was drawn.
        lonely_psu="fail",
    )
    made = estimate(drawn, design, ESTIMANDS, by=[["sample"]], degrees_of_freedom="domain")
    whole = homes.assign(one=1.0)
    truth = estimate(whole, Design("one"), ESTIMANDS).set_index("estimand")["estimate"]
    made["truth"] = made["estimand"].map(truth)
    made["held"] = (made["ci_low"] <= made["truth"]) & (made["truth"] <= made["ci_high"])
    grouped = made.groupby("estimand", sort=False)
    return pd.DataFrame(
        {
            "truth": grouped["truth"].first(),
            "bias": grouped["estimate"].mean() / grouped["truth"].first() - 1,
            "spread": grouped["se"].mean() / grouped["estimate"].std(),
            "held": grouped["held"].mean(),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=1000)
    arguments = parser.parse_args()
    homes = census()
    drawn = samples(homes, arguments.samples)
    begin = time.perf_counter()
    found = coverage(homes, drawn)
    seconds = time.perf_counter() - begin
    lines = [
        "# Intervals that hold the truth",
        "",
        f"{arguments.samples:,} samples of the synthetic census ({len(homes):,} households in "
        f"{homes['ward_row'].nunique():,} wards of {homes['stratum'].nunique()} strata), each of some "
        f"{len(drawn) / arguments.samples:,.0f} households: {WARDS} wards a stratum, at most {HOUSEHOLDS} "
        "households a ward.",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {describe()}; "
        f"{len(ESTIMANDS) * arguments.samples:,} estimates in {seconds:.0f} s.",
        "",
        "| estimand | truth | mean estimate is off by | mean standard error by spread of estimates | held |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, row in found.iterrows():
        lines.append(
            f"| {name} | {row['truth']:,.4g} | {row['bias']:+.2%} | {row['spread']:.3f} | {row['held']:.1%} |"
        )
    outside = found[(found["held"] < LEAST) | (found["held"] > MOST)]
    lines += [
        "",
        f"Aim: {LEAST:.0%} to {MOST:.0%} of the 95 % intervals. "
        + (f"Outside: {', '.join(outside.index)}." if len(outside) else "All are within."),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.samples >= 1000:
        results = ROOT / "benchmarks" / "results"
        (results / "survey_coverage.md").write_text(text, encoding="utf-8")
    if len(outside):
        raise SystemExit("some intervals do not hold what they promise")


if __name__ == "__main__":
    main()
