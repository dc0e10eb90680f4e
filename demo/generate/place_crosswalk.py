"""Make the seed ``crosswalk``: weighted links between the places of 2011 and today's, both ways, by basis.

    python -m demo.generate.place_crosswalk [--out FILE]

It needs nothing but what lies in the repository: the places, the overlay of published boundaries
(``vdc_to_local_unit_area_share.csv``), the tables of the 2011 census, and the areas of today's local units
(``local_unit_area.csv``). ``docs/decisions/0030-places-crosswalk.md`` and 0033 say why it is done so.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from statloom import settings

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
CENSUS = PROJECT / "demo" / "deliveries" / "census_2011"
COLUMNS = [
    "from_place_id",
    "to_place_id",
    "basis",
    "weight",
    "weight_se",
    "area_share",
    "quality",
    "note",
]
BASES = ("area", "households", "population")
DECIMALS = 9
# A smaller share of a VDC's area in a second unit is an artefact of laying two published boundary sets over
# each other.
SLIVER = 0.05
# Standard error of a weight w is this times sqrt(w(1 - w)): how far shares of people lie from shares of area.
SPREAD = {"overlay": 0.35, "counted": 0.05}
# The census tables' code of Padampur, whose people were resettled before 2011 while its old area became park.
RESETTLED = {
    "980": (
        "31302",
        "resettled people; merged into Kalika Municipality of Chitwan; its area is national park",
    )
}
SPLIT_DISTRICTS = ("Rukum", "Nawalparasi")


def main() -> None:
    """Write the seed, and print how many links there are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    seeds = settings.load().dbt_project / "seeds" / "places"
    parser.add_argument("--out", type=Path, default=seeds / "crosswalk.csv")
    arguments = parser.parse_args()
    places, changes = (
        pd.read_csv(seeds / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("place", "place_change")
    )
    changes = changes[changes["from_place_id"].str.startswith("NP-2011:district:")]
    successors = changes[["from_place_id", "to_place_id"]].set_axis(["old", "new"], axis=1)
    frame = crosswalk(places, successors)
    frame.to_csv(arguments.out, index=False, lineterminator="\n")
    print(f"{len(frame):,} rows")


def crosswalk(places: pd.DataFrame, successors: pd.DataFrame) -> pd.DataFrame:
    """Return the seed (columns ``COLUMNS``, texts).

    ``places`` is the seed of that name; ``successors`` are pairs ``old, new`` of ids of districts.
    """
    overlay, counts, areas = read_overlay(), vdc_counts(), unit_areas()
    links = vdc_links(overlay, places, successors)
    forward = forward_weights(links, counts)
    back = back_weights(forward, counts, areas)
    districts = district_weights(forward, counts, areas, places, successors)
    country = pd.DataFrame(
        [(f"NP-{a}:country:NP", f"NP-{b}:country:NP", 1.0) for a, b in ((2011, 2017), (2017, 2011))],
        columns=["from_place_id", "to_place_id", "share"],
    ).assign(basis="area", quality="exact")
    links = pd.concat([country, districts, forward, back], ignore_index=True)
    return finished(links)


def read_overlay() -> pd.DataFrame:
    """Return ``vdc, unit, area_share``: the share of a VDC's area in a local unit (``X…``: protected area).

    The two polygons of 51201 are added up.
    """
    overlay = pd.read_csv(HERE / "vdc_to_local_unit_area_share.csv", dtype=str)
    overlay = overlay.set_axis(["vdc", "unit", "area_share"], axis=1).astype({"area_share": float})
    return overlay.groupby(["vdc", "unit"], as_index=False)["area_share"].sum()


def vdc_counts() -> pd.DataFrame:
    """Return ``households, population`` of the 2011 census by code of the VDC."""
    facilities = _census("household_facilities")
    households = facilities[facilities["household_facilities"] == "TOTAL_HOUSEHOLDS"]
    population = _census("disability").groupby("geo_code")["total"].sum()
    return pd.DataFrame({"households": households.set_index("geo_code")["total"], "population": population})


def _census(table: str) -> pd.DataFrame:
    frame = pd.read_csv(CENSUS / f"{table}.csv", dtype={"geo_code": str})
    return frame[frame["geo_level"] == "vdc"]


def unit_areas() -> pd.Series:
    """Return the area of today's local units in km², by code."""
    return pd.read_csv(HERE / "local_unit_area.csv", dtype={"code": str}).set_index("code")["area_km2"]


def vdc_links(overlay: pd.DataFrame, places: pd.DataFrame, successors: pd.DataFrame) -> pd.DataFrame:
    """Return the links that are no artefacts: ``vdc, unit, area_share, share`` (sums to 1), ``decision``.

    A VDC that lies nearly whole in a protected area has no partner; of the others the largest link always
    stays. No local unit was made across a district's border: such a link says that the two boundary sets
    disagree there.
    """
    links = overlay[~overlay["unit"].str.startswith("X")]
    of_vdc = links.groupby("vdc")["area_share"]
    links = links[
        (of_vdc.transform("sum") >= SLIVER)
        & ((links["area_share"] >= SLIVER) | (links["area_share"] == of_vdc.transform("max")))
    ]
    parent = places.set_index("place_id")["parent_id"]
    pairs = pd.DataFrame(
        {
            "old": ("NP-2011:vdc:" + links["vdc"]).map(parent),
            "new": ("NP-2017:local_unit:" + links["unit"]).map(parent),
        }
    )
    inside = pairs.merge(successors, on=["old", "new"], how="left", indicator=True)
    links = links[(inside["_merge"] == "both").to_numpy()].assign(decision="")
    resettled = pd.DataFrame(
        [(vdc, unit, np.nan, note) for vdc, (unit, note) in RESETTLED.items()],
        columns=["vdc", "unit", "area_share", "decision"],
    )
    links = pd.concat([links, resettled], ignore_index=True)
    weight = links["area_share"].fillna(1)
    return links.assign(share=weight / weight.groupby(links["vdc"]).transform("sum"))


def forward_weights(links: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Return the links from VDCs to local units by basis, with ``share`` and ``quality``."""
    each = links.merge(pd.DataFrame({"basis": BASES}), how="cross")
    return each.assign(
        from_place_id="NP-2011:vdc:" + each["vdc"],
        to_place_id="NP-2017:local_unit:" + each["unit"],
        quality=np.where(each["decision"] != "", "decision", "overlay"),
        note=each["decision"],
    )


def back_weights(forward: pd.DataFrame, counts: pd.DataFrame, areas: pd.Series) -> pd.DataFrame:
    """Return the links from local units back to VDCs: the part of the unit's 2011 count that lay in each."""
    count = counts.stack().rename("count").rename_axis(["vdc", "basis"]).reset_index()
    back = forward.merge(count, on=["vdc", "basis"], how="left")
    amount = back["share"] * back["count"].where(back["basis"] != "area", 1).fillna(0)
    back = back.assign(
        share=amount / amount.groupby([back["unit"], back["basis"]]).transform("sum"),
        from_place_id=back["to_place_id"],
        to_place_id=back["from_place_id"],
        area_share=np.nan,
        quality=np.where(back["basis"] == "area", "overlay", "counted"),
    )
    return back.drop(columns="count")


def district_weights(forward, counts, areas, places, successors) -> pd.DataFrame:
    """Return the links between the 75 districts and the 77, both ways."""
    parent = places.set_index("place_id")["parent_id"]
    count = counts.stack().rename("count").rename_axis(["vdc", "basis"]).reset_index()
    moved = forward[forward["basis"] != "area"].merge(count, on=["vdc", "basis"], how="left")
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
        share=share, quality="counted", note="counts of the 2011 census by VDC"
    )
    links.loc[links["basis"] == "area", "note"] = "areas of the local units' polygons"
    whole = links["share"] == 1
    links.loc[whole, "note"] = ""
    turned = successors.set_axis(["to_place_id", "from_place_id"], axis=1)
    return pd.concat([links, turned.assign(share=1.0, basis="area", quality="exact")], ignore_index=True)


def finished(links: pd.DataFrame) -> pd.DataFrame:
    """Return the seed: a row ``whole`` for what goes to one place, the others rounded so that they sum to 1.

    ``links`` has ``from_place_id, to_place_id, basis, share, area_share, quality, note``. Weights have nine
    decimals, and the largest takes up the rounding. A link without any weight on a basis is no link there.
    """
    links = links[links["share"] > 0].drop_duplicates(["from_place_id", "to_place_id", "basis"])
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
    spread = links["quality"].map(SPREAD).fillna(0)
    links["weight_se"] = (spread * np.sqrt(links["weight"] * (1 - links["weight"]))).map("{:.6f}".format)
    links["weight"] = links["weight"].map(f"{{:.{DECIMALS}f}}".format)
    links["area_share"] = links["area_share"].map("{:.6f}".format).replace("nan", "")
    return links.sort_values(["from_place_id", "basis", "to_place_id"], ignore_index=True)[COLUMNS].fillna("")


if __name__ == "__main__":
    main()
