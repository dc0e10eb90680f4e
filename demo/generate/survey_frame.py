"""Make the sampling frame of the synthetic household survey: one row a local unit.

    python -m demo.generate.survey_frame FOLDER

FOLDER holds the published tables (see demo/README.md). The frame is committed, so that the survey can be made
again without them: `household_survey_frame.csv` has place, population of 2021 and number of wards of each of
the 753 local units, and the shares of the 2011 census, carried to them by the shares of the VDCs' areas.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from demo.generate.bodies import read_table

FRAME = Path(__file__).with_name("household_survey_frame.csv")
SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "places"
URBAN_TYPES = ("Mahanagarpalika", "Upamahanagarpalika", "Nagarpalika")
# topic: table of the 2011 census, column of its categories; `NOT_STATED` is left out of the shares
TOPICS = {
    "toilet": ("toilettype", "toilet_type"),
    "water": ("drinkingwatersource", "drinking_water_source"),
    "lighting": ("lightingfuel", "lighting_fuel"),
    "cooking": ("cookingfuel", "main_type_of_cooking_fuel"),
    "ownership": ("homeownership", "home_ownership"),
}
# of a unit whose number of wards is not known
TYPICAL_WARDS = 9
FACILITIES = ("MOBILE_PHONE", "TELEVISION", "INTERNET", "COMPUTER")


def _carried(frame: pd.DataFrame, column: str, links: pd.DataFrame) -> pd.DataFrame:
    """Return counts by local unit (rows) and category (columns), VDC counts shared out by area."""
    vdcs = frame[frame["geo_level"] == "vdc"].merge(links, left_on="geo_code", right_on="vdc_geo_code")
    vdcs["count"] = vdcs["total"].astype(float) * vdcs["area_share"].astype(float)
    return vdcs.pivot_table(
        index="municipality_code", columns=column, values="count", aggfunc="sum", fill_value=0
    )


def build(tables: Path) -> pd.DataFrame:
    """Return the frame: one row a local unit, columns as in the committed file."""
    units = read_table(tables / "places" / "federal_units_2021.csv")
    units = units[(units["geo_level"] == "local") & (units["geo_code"] != "00000")].drop_duplicates(
        "geo_code"
    )
    population = read_table(tables / "census_2021" / "population.csv")
    population = population[population["geo_level"] == "local"].astype({"total": "int64"})
    codes = read_table(SEEDS / "place_code.csv")
    codes = codes[codes["place_level"] == "local_unit"]
    of_scheme = {
        scheme: found.set_index("place_code")["place_id"] for scheme, found in codes.groupby("place_scheme")
    }
    numbered = read_table(tables / "places" / "local_units_75_district_numbering_en_ne.csv")
    wards = numbered.assign(place_id=numbered["locallevel_fullcode"].map(of_scheme["NP-LOCAL-75"]))
    wards = wards.drop_duplicates("place_id").set_index("place_id")["wards"]
    wards = pd.to_numeric(wards, errors="coerce")

    frame = pd.DataFrame(
        {
            "local_unit": units["geo_code"],
            "district": units["parent_code"].str.zfill(2),
            "province": units["geo_code"].str[0],
            "urban": units["long_name"].str.endswith(URBAN_TYPES).astype(int),
            "wards": units["geo_code"].map(of_scheme["NP-LOCAL-2017"]).map(wards).fillna(TYPICAL_WARDS),
            "population": units["geo_code"].map(population.groupby("geo_code")["total"].sum()),
        }
    ).sort_values("local_unit", ignore_index=True)
    frame["wards"] = frame["wards"].astype(int)

    links = read_table(tables / "places" / "vdc_to_municipality_area_share.csv")
    census = tables / "census_2011"
    for topic, (table, column) in TOPICS.items():
        counts = _carried(read_table(census / f"{table}.csv"), column, links).drop(
            columns="NOT_STATED", errors="ignore"
        )
        shares = counts.div(counts.sum(axis=1), axis=0).add_prefix(f"{topic}_")
        frame = frame.merge(shares, left_on="local_unit", right_index=True, how="left")
    facilities = _carried(read_table(census / "householdfacilities.csv"), "household_facilities", links)
    households = facilities["TOTAL_HOUSEHOLDS"]
    for facility in FACILITIES:
        frame[f"has_{facility}"] = frame["local_unit"].map(facilities[facility] / households)
    for sex in ("female", "male"):
        literacy = read_table(census / "literacy.csv")
        counts = _carried(literacy[literacy["sex"] == sex], "literacy", links).drop(columns="NOT_STATED")
        frame[f"literate_{sex}"] = frame["local_unit"].map(counts["CAN_READ_WRITE"] / counts.sum(axis=1))
    persons = _carried(read_table(census / "disability.csv"), "sex", links).sum(axis=1)
    frame["household_size"] = frame["local_unit"].map(persons / households)

    # a unit that no VDC's area reaches takes its district's mean
    baselines = frame.columns[frame.columns.get_loc("population") + 1 :]
    by_district = frame.groupby("district")[list(baselines)].transform("mean")
    frame[baselines] = frame[baselines].fillna(by_district).fillna(frame[baselines].mean()).round(4)
    return frame


def main(arguments: list[str] | None = None) -> None:
    """Write the frame beside this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder of published tables")
    build(parser.parse_args(arguments).folder).to_csv(FRAME, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
