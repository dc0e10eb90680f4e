"""Make the seed ``crosswalk``: weighted links between the places of 2011 and today's, both ways, by basis.

    python -m demo.generate.place_crosswalk [--out FILE]

It needs nothing but what lies in the repository: the places, the overlay of published boundaries with its
corrections, the tables of the 2011 census by village, what was published of them for today's local units,
and the areas of these. Decisions 0030, 0033 and 0034 say why it is done so.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from demo.generate import place_overlay, place_raking
from statloom import settings
from statloom.places.gates import COLUMNS as SEED_COLUMNS

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
CENSUS = PROJECT / "demo" / "deliveries" / "census_2011"
COLUMNS = list(SEED_COLUMNS["crosswalk"])
BASES = ("area", "households", "population")
DECIMALS = 9
# Standard error of a weight w: this times sqrt(w (1 - w)), by how it was made. Calibrated on figures that
# were not used for the weights (benchmarks/results/places_crosswalk.md). For areas that are only modelled
# there is none: how far equal areas are from households stands in.
SPREAD = {"overlay": 0.30, "fitted": 0.05, "counted": 0.04, "modelled": 0.15}
# Villages of which it is not known in which of two units they lie.
SPREAD_UNKNOWN = 0.5


def main() -> None:
    """Write the seed, and print how many links there are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    seeds = settings.load().dbt_project / "seeds" / "places"
    parser.add_argument("--out", type=Path, default=seeds / "crosswalk.csv")
    arguments = parser.parse_args()
    frame = crosswalk(*read_places(seeds))
    frame.to_csv(arguments.out, index=False, lineterminator="\n")
    print(f"{len(frame):,} rows")


def read_places(seeds: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the seed of places, and pairs ``old, new`` of ids of districts from the seed of changes."""
    places, changes = (
        pd.read_csv(seeds / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("place", "place_change")
    )
    changes = changes[changes["from_place_id"].str.startswith("NP-2011:district:")]
    return places, changes[["from_place_id", "to_place_id"]].set_axis(["old", "new"], axis=1)


def crosswalk(places: pd.DataFrame, successors: pd.DataFrame) -> pd.DataFrame:
    """Return the seed (columns ``COLUMNS``, texts).

    ``places`` is the seed of that name; ``successors`` are pairs ``old, new`` of ids of districts.
    """
    counts, areas = vdc_counts(), unit_areas()
    links = place_overlay.links(places, successors)
    forward = forward_weights(links, counts, published())
    back = back_weights(links, forward, counts, areas)
    districts = district_weights(forward, counts, areas, places, successors)
    both = [(f"NP-{a}:country:NP", f"NP-{b}:country:NP", 1.0) for a, b in ((2011, 2017), (2017, 2011))]
    country = pd.DataFrame(both, columns=["from_place_id", "to_place_id", "share"])
    country = country.assign(basis="area", quality="exact")
    return finished(pd.concat([country, districts, forward, back], ignore_index=True))


def vdc_counts() -> pd.DataFrame:
    """Return ``households, population`` of the 2011 census by code of the village."""
    facilities = census("household_facilities")
    households = facilities[facilities["household_facilities"] == "TOTAL_HOUSEHOLDS"]
    population = census("disability").groupby("geo_code")["total"].sum()
    return pd.DataFrame({"households": households.set_index("geo_code")["total"], "population": population})


def census(table: str) -> pd.DataFrame:
    """Return the rows by village of a table of the 2011 census."""
    frame = pd.read_csv(CENSUS / f"{table}.csv", dtype={"geo_code": str})
    return frame[frame["geo_level"] == "vdc"]


def published() -> pd.DataFrame:
    """Return what was published of the 2011 census for today's local units, by code.

    Columns: households by ``institutional, others, owned, rented`` house, persons ``male, female``, and their
    sums ``households, population``. CodeforNepal/nepalmap_federal, MIT; the body is the Central Bureau of
    Statistics.
    """
    frame = pd.read_csv(HERE / "census_2011_on_local_units.csv", dtype={"place_code": str})
    frame = frame.set_index("place_code").drop(columns=["source_code", "name"])
    return frame.assign(
        households=frame[["institutional", "others", "owned", "rented"]].sum(axis=1),
        population=frame[["male", "female"]].sum(axis=1),
    )


def unit_areas() -> pd.Series:
    """Return the area of today's local units in km², by code."""
    return pd.read_csv(HERE / "local_unit_area.csv", dtype={"place_code": str}).set_index("place_code")[
        "area_km2"
    ]


def forward_weights(links: pd.DataFrame, counts: pd.DataFrame, totals: pd.DataFrame) -> pd.DataFrame:
    """Return the links from villages to local units by basis, with ``share, spread, quality, note``."""
    shares = pd.DataFrame(
        {
            "area": links["share"],
            **{name: place_raking.raked(links, counts[name], totals[name]) for name in counts},
        }
    )
    each = _by_basis(links, shares)
    quality = np.select(
        [each["is_whole"] & (each["decision"] != ""), each["is_whole"], each["basis"] == "area"],
        ["decision", "exact", np.where(each["area_share"].isna(), "modelled", "overlay")],
        "fitted",
    )
    return each.assign(
        from_place_id="NP-2011:vdc:" + each["vdc"],
        to_place_id="NP-2017:local_unit:" + each["unit"],
        quality=quality,
        spread=np.where(
            each["area_share"].isna() & ~each["is_whole"],
            SPREAD_UNKNOWN,
            pd.Series(quality).map(SPREAD),
        ),
        note=each["decision"],
    )


def _by_basis(links: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each link and basis; ``shares`` has a column a basis and the index of ``links``."""
    long = shares.rename_axis("link").reset_index().melt("link", var_name="basis", value_name="share")
    facts = links.drop(columns="share")
    return long.merge(facts, left_on="link", right_index=True).drop(columns="link").reset_index(drop=True)


def back_weights(links, forward, counts, areas) -> pd.DataFrame:
    """Return the links from local units back to villages: the part of the unit's 2011 count in each.

    The villages' areas are not published: they are fitted to the areas of the units, from equal ones.
    """
    amount = forward["share"].to_numpy() * np.where(
        forward["basis"] == "area",
        forward["vdc"].map(village_areas(links, areas)),
        np.where(
            forward["basis"] == "households",
            forward["vdc"].map(counts["households"]),
            forward["vdc"].map(counts["population"]),
        ),
    )
    amount = pd.Series(amount, index=forward.index).fillna(0)
    quality = np.where(forward["basis"] == "area", "modelled", "counted")
    return forward.assign(
        share=amount / amount.groupby([forward["unit"], forward["basis"]]).transform("sum"),
        from_place_id=forward["to_place_id"],
        to_place_id=forward["from_place_id"],
        area_share=np.nan,
        quality=quality,
        spread=pd.Series(quality, index=forward.index).map(SPREAD),
    )


def village_areas(links: pd.DataFrame, areas: pd.Series, rounds: int = 200) -> pd.Series:
    """Return areas of the villages (km², by code) that add up to the units'; equal ones to begin with.

    A village's part outside the units (protected area) is left out.
    """
    row, rows = pd.factorize(links["vdc"])
    column, columns = pd.factorize(links["unit"])
    share, want = links["share"].to_numpy(), areas.reindex(columns).to_numpy()
    area = np.ones(len(rows))
    for _ in range(rounds):
        ratio = want / np.bincount(column, share * area[row], len(columns))
        area = area * np.bincount(row, share * ratio[column], len(rows))
    return pd.Series(area, index=rows)


def district_weights(forward, counts, areas, places, successors) -> pd.DataFrame:
    """Return the links between the 75 districts and the 77, both ways."""
    parent = places.set_index("place_id")["parent_id"]
    moved = forward[forward["basis"] != "area"]
    count = counts.stack().rename("count").rename_axis(["vdc", "basis"]).reset_index()
    moved = moved.merge(count, on=["vdc", "basis"], how="left")
    moved = pd.DataFrame(
        {
            "old": moved["from_place_id"].map(parent),
            "new": moved["to_place_id"].map(parent),
            "basis": moved["basis"],
            "amount": moved["share"] * moved["count"].fillna(0),
        }
    )
    of_unit = ("NP-2017:local_unit:" + areas.index.to_series()).map(parent)
    area = areas.groupby(of_unit).sum().rename_axis("new").rename("amount").reset_index()
    area = successors.merge(area, on="new").assign(basis="area")
    amounts = pd.concat([moved.groupby(["old", "new", "basis"], as_index=False)["amount"].sum(), area])
    share = amounts["amount"] / amounts.groupby(["old", "basis"])["amount"].transform("sum")
    links = amounts.rename(columns={"old": "from_place_id", "new": "to_place_id"}).assign(
        share=share,
        quality="counted",
        spread=SPREAD["counted"],
        note="households and persons of the 2011 census, by village",
    )
    links.loc[links["basis"] == "area", ["quality", "note"]] = "overlay", "areas of the local units' polygons"
    links.loc[links["basis"] == "area", "spread"] = SPREAD["overlay"]
    links.loc[links["share"] == 1, "note"] = ""
    turned = successors.set_axis(["to_place_id", "from_place_id"], axis=1)
    return pd.concat([links, turned.assign(share=1.0, basis="area", quality="exact")], ignore_index=True)


def finished(links: pd.DataFrame) -> pd.DataFrame:
    """Return the seed: a row ``whole`` for what goes to one place, the others rounded to sum to 1.

    ``links`` has ``from_place_id, to_place_id, basis, share, spread, area_share, quality, note``. Weights
    have nine decimals, and the largest takes up the rounding. A link without any weight on a basis is none
    there.
    """
    links = links[links["share"] > 0]
    partners = links.groupby("from_place_id")["to_place_id"].transform("nunique")
    links = links[(partners > 1) | ~links.duplicated("from_place_id")].copy()
    whole = links.groupby("from_place_id")["to_place_id"].transform("size") == 1
    links.loc[whole, "basis"] = "whole"
    links.loc[whole & (links["quality"] != "decision"), "quality"] = "exact"
    group = ["from_place_id", "basis"]
    links["weight"] = links["share"].round(DECIMALS)
    links = links[links["weight"] > 0].sort_values([*group, "weight", "to_place_id"], ignore_index=True)
    largest = ~links.duplicated(group, keep="last")
    rest = links["weight"].where(~largest, 0).groupby([links[column] for column in group]).transform("sum")
    links.loc[largest, "weight"] = (1 - rest).round(DECIMALS)
    error = links["spread"] * np.sqrt(links["weight"] * (1 - links["weight"]))
    links["weight_se"] = error.fillna(0).map("{:.6f}".format)
    links["weight"] = links["weight"].map(f"{{:.{DECIMALS}f}}".format)
    links["area_share"] = links["area_share"].map("{:.6f}".format).replace("nan", "")
    links = links.sort_values(["from_place_id", "basis", "to_place_id"], ignore_index=True)[COLUMNS]
    return links.fillna("")


if __name__ == "__main__":
    main()
