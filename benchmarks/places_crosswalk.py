"""What speaks for the sliver threshold of the crosswalk from the VDCs of 2011 to today's local units.

Usage: python benchmarks/places_crosswalk.py FOLDER [--write]

FOLDER holds ``places/``, ``census_2011/`` and ``census_2021/`` of the published figures. For each threshold
the 2011 population (disability table, by VDC) is carried to local units by area share, and compared with the
population of 2021: units of one district grow at similar rates, so a carried figure that is wrong stands out.
Besides it counts links by share, links across district borders, and VDCs named like one of their partners.
``--write`` keeps the result in ``benchmarks/results/places_crosswalk.md``.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from statloom import places
from statloom.places.normalise import normalise

RESULT = Path(__file__).parent / "results" / "places_crosswalk.md"
THRESHOLDS = (0, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5)
BINS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0001)


def read(folder: Path) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return the links (``vdc, unit, share, inside`` one district, ``district``), and both populations."""
    kinds = {"geo_code": str, "vdc_geo_code": str, "municipality_code": str}
    links = pd.read_csv(folder / "places" / "vdc_to_municipality_area_share.csv", dtype=kinds)
    links = links.set_axis(["vdc", "unit", "share"], axis=1)
    links = links[~links["unit"].str.startswith("X")].groupby(["vdc", "unit"], as_index=False)["share"].sum()
    parent = places.load().places.set_index("place_id")["parent_id"]
    district = places.load().seeds["crosswalk"]
    allowed = set(zip(district["from_place_id"], district["to_place_id"], strict=True))
    old = ("NP-2011:vdc:" + links["vdc"]).map(parent)
    new = ("NP-2017:local_unit:" + links["unit"]).map(parent)
    links["inside"] = [pair in allowed for pair in zip(old, new, strict=True)]
    links["district"] = new
    before = pd.read_csv(folder / "census_2011" / "disability.csv", dtype=kinds)
    before = before[before["geo_level"] == "vdc"].groupby("geo_code")["total"].sum()
    after = pd.read_csv(folder / "census_2021" / "population.csv", dtype=kinds)
    after = after[after["geo_level"] == "local"].groupby("geo_code")["total"].sum()
    return links, before, after


def carried(links: pd.DataFrame, population: pd.Series, threshold: float) -> tuple[pd.Series, pd.DataFrame]:
    """Return the population by unit, and the links kept with their weights."""
    largest = links.groupby("vdc")["share"].transform("max")
    kept = links[(links["share"] >= threshold) | (links["share"] == largest)].copy()
    kept["weight"] = kept["share"] / kept.groupby("vdc")["share"].transform("sum")
    kept["population"] = kept["weight"] * kept["vdc"].map(population).fillna(0)
    return kept.groupby("unit")["population"].sum(), kept


def thresholds(links, before, after) -> list[str]:
    """Return a table: how far growth is from its district's median, by threshold."""
    lines = ["| threshold | links | VDCs split | mean | median | 90th percentile | above 50 % |"]
    lines += ["| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    district = links.drop_duplicates("unit").set_index("unit")["district"]
    for threshold in THRESHOLDS:
        moved, kept = carried(links, before, threshold)
        growth = np.log(after / moved.reindex(after.index)).dropna()
        distance = (growth - growth.groupby(district).transform("median")).abs()
        split = (kept.groupby("vdc").size() > 1).sum()
        far = (distance > np.log(1.5)).sum()
        figures = [distance.mean(), distance.median(), distance.quantile(0.9)]
        cells = " | ".join(f"{np.expm1(figure):.2%}" for figure in figures)
        lines.append(f"| {threshold:.2%} | {len(kept):,} | {split:,} | {cells} | {far} |")
    return lines


def main() -> None:
    """Measure, print, and keep the result if told."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    links, before, after = read(arguments.folder)
    counts, _ = np.histogram(links["share"], BINS)
    lines = ["# The sliver threshold of the crosswalk", "", "## Links by their share of the VDC's area", ""]
    lines += ["| share | links | links a percentage point |", "| --- | ---: | ---: |"]
    for first, last, count in zip(BINS, BINS[1:], counts, strict=False):
        lines.append(
            f"| {first:.1%} to {min(last, 1):.0%} | {count:,} | {count / (last - first) / 100:,.0f} |"
        )
    lines += [
        "",
        "## Growth of 2011 to 2021 against its district's median",
        "",
        *thresholds(links, before, after),
    ]

    across = links[~links["inside"]]
    many, most = (across["share"] >= 0.05).sum(), across["share"].max()
    lines += ["", "## Other checks", ""]
    lines.append(
        f"- Links across a district border: {len(across):,}; {many} from 5 % on, the largest {most:.1%}."
    )
    names = places.load().places.set_index("place_id")["place_name"]
    kept = carried(links[links["inside"]], before, 0.05)[1]
    a = normalise(("NP-2011:vdc:" + kept["vdc"]).map(names))["key"].to_numpy()
    b = normalise(("NP-2017:local_unit:" + kept["unit"]).map(names))["key"].to_numpy()
    same = kept[a == b]
    largest = kept.groupby("vdc")["weight"].transform("max")
    first = (same["weight"] == largest[same.index]).sum()
    lines.append(
        f"- VDCs named like one of their partners: {len(same):,}; for {first:,} it is the partner with the "
        "largest weight."
    )
    split = kept[kept.groupby("vdc")["weight"].transform("size") > 1]
    people = split["population"].sum() - split.groupby("vdc")["population"].max().sum()
    units, everyone = split["unit"].nunique(), kept["population"].sum()
    lines.append(
        f"- At 5 %: {split['vdc'].nunique()} VDCs are divided among {units} local units; outside the largest "
        f"part of its VDC live {people:,.0f} of {everyone:,.0f} persons ({people / everyone:.2%})."
    )
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.write:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
