"""Which village of 2011 lies in which of today's local units: the overlay of published boundaries, mended."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
# A smaller share of a village's area in a second unit is an artefact of laying two published boundary sets
# over each other.
SLIVER = 0.05
# The census tables' code of Padampur, whose people were resettled before 2011 while its old area became park.
RESETTLED = {
    "980": (
        "31302",
        "resettled people; merged into Kalika Municipality of Chitwan; its area is national park",
    )
}


def read() -> pd.DataFrame:
    """Return ``vdc, unit, area_share``: the share of a village's area in a local unit.

    Units ``X…`` are protected areas. The two polygons of 51201 are added up.
    """
    overlay = pd.read_csv(HERE / "vdc_to_local_unit_area_share.csv", dtype=str)
    overlay = overlay.set_axis(["vdc", "unit", "area_share"], axis=1).astype({"area_share": float})
    return overlay.groupby(["vdc", "unit"], as_index=False)["area_share"].sum()


def links(places: pd.DataFrame, successors: pd.DataFrame, *, mended: bool = True) -> pd.DataFrame:
    """Return the links that are no artefacts: ``vdc, unit, area_share, share, is_whole, decision``.

    ``share`` is the share of the area, which adds up to 1 for a village; ``decision`` is the reason where a
    person has decided against the overlay. ``places`` is the seed of that name, ``successors`` are pairs
    ``old, new`` of ids of districts. A village that lies nearly whole in a protected area has no partner; of
    the others the largest link always stays. No local unit was made across a district's border: such a link
    says that the two boundary sets disagree there.
    """
    overlay = read()
    corrections, stale = checked_corrections(overlay)
    for message in stale:
        print(message, file=sys.stderr)
    if not mended:
        corrections = corrections.iloc[:0]
    of_kind = dict(iter(corrections.groupby("kind")))
    if "unit_code" in of_kind:
        codes = of_kind["unit_code"].set_index("code")["becomes"]
        overlay["unit"] = overlay["unit"].replace(codes.to_dict())
    found = overlay[~overlay["unit"].str.startswith("X")]
    of_vdc = found.groupby("vdc")["area_share"]
    outside, largest = of_vdc.transform("sum"), of_vdc.transform("max")
    real = pd.Series(False, index=found.index)
    if "sliver" in of_kind:
        pairs = set(zip(of_kind["sliver"]["code"], of_kind["sliver"]["becomes"], strict=True))
        real[:] = [pair in pairs for pair in zip(found["vdc"], found["unit"], strict=True)]
    keep = (outside >= SLIVER) & ((found["area_share"] >= SLIVER) | (found["area_share"] == largest) | real)
    found = found[keep].assign(decision="")

    parent = places.set_index("place_id")["parent_id"]
    pairs = pd.DataFrame(
        {
            "old": ("NP-2011:vdc:" + found["vdc"]).map(parent),
            "new": ("NP-2017:local_unit:" + found["unit"]).map(parent),
        }
    )
    inside = pairs.merge(successors, on=["old", "new"], how="left", indicator=True)["_merge"] == "both"
    found = found[inside.to_numpy()]

    decided = pd.DataFrame([(vdc, *of) for vdc, of in RESETTLED.items()], columns=["vdc", "unit", "decision"])
    if "village" in of_kind:
        moved = of_kind["village"].assign(unit=of_kind["village"]["becomes"].str.split()).explode("unit")
        moved = moved.rename(columns={"code": "vdc", "reason": "decision"})[["vdc", "unit", "decision"]]
        decided = pd.concat([decided, moved])
    found = pd.concat([found[~found["vdc"].isin(decided["vdc"])], decided], ignore_index=True)
    if "sliver" in of_kind:
        reasons = of_kind["sliver"].rename(columns={"code": "vdc", "becomes": "unit"})
        found = found.merge(reasons[["vdc", "unit", "reason"]], on=["vdc", "unit"], how="left")
        found["decision"] = found.pop("reason").fillna(found["decision"])
    weight = found["area_share"].fillna(1)
    return found.assign(
        share=weight / weight.groupby(found["vdc"]).transform("sum"),
        is_whole=found.groupby("vdc")["unit"].transform("size") == 1,
    )


def checked_corrections(overlay: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the corrections that apply, and what is to be said of those that do not.

    ``overlay_correction.csv`` has ``kind, code, expect, becomes, reason``; ``expect`` is what the
    overlay says as long as it is wrong:

    - ``village``: ``expect`` is the unit with the most of the village ``code``; it lies in ``becomes`` (of
      two units it is not known in which).
    - ``sliver``: ``expect`` is the share of the village ``code`` in the unit ``becomes``: small, but real.
    - ``unit_code``: ``expect`` is a village that lies whole in the unit ``code``, whose code is ``becomes``.
    """
    file = HERE / "overlay_correction.csv"
    given = pd.read_csv(file, dtype=str, keep_default_na=False)
    inside = overlay[~overlay["unit"].str.startswith("X")].sort_values("area_share")
    main = inside.drop_duplicates("vdc", keep="last").set_index("vdc")["unit"]
    share = overlay.set_index(["vdc", "unit"])["area_share"]
    of_sliver = share.reindex(pd.MultiIndex.from_frame(given[["code", "becomes"]])).to_numpy()
    expected = pd.to_numeric(given["expect"], errors="coerce")
    applies = np.select(
        [given["kind"] == "village", given["kind"] == "sliver", given["kind"] == "unit_code"],
        [
            given["code"].map(main) == given["expect"],
            np.isclose(of_sliver, expected, atol=5e-7),
            given["expect"].map(main) == given["code"],
        ],
        False,
    ).astype(bool)
    stale = [
        f"{file.name}, row {row + 2}: the overlay no longer has {expect} for {kind} {code}; not applied"
        for row, kind, code, expect in given.loc[~applies, ["kind", "code", "expect"]].itertuples()
    ]
    return given[applies], stale
