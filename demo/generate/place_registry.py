"""Make the place registry's seeds from the published lists of Nepal.

    python -m demo.generate.place_registry FOLDER [--out FOLDER]

FOLDER holds ``places/`` of the published figures. The seeds are committed: this is run
again only when a list or a rule here changes. Every code of every list ends in ``place_code.csv`` or, with
the reason, in ``place_rejected.csv``.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from demo.generate.place_crosswalk import crosswalk
from statloom import settings
from statloom.places.gates import COLUMNS
from statloom.places.linking import link

RESTRUCTURED = "2017-03-10"
BEGINS = "2001-01-01"
COMMON = "CodeforNepal/nepalmap_app (2019-09-02), MIT"
COMMON_2021 = "CodeforNepal/nepalmap2021 (2023-06-20), MIT"

# The name list numbers Kavrepalanchok last of these seven; the units listed under the codes, and the
# population published for them, number it first.
DISTRICT_OF_CODE_2017 = {
    "30": "Kavrepalanchowk",
    "31": "Kailali",
    "32": "Kalikot",
    "33": "Kanchanpur",
    "34": "Kapilbastu",
    "35": "Kaski",
    "36": "Kathmandu",
}
# official name, Nepali, former name, date of the provincial assembly's decision
PROVINCES = {
    "1": ("Koshi", "कोशी", "2023-03-01"),
    "2": ("Madhesh", "मधेश", "2022-01-17"),
    "3": ("Bagmati", "बागमती", "2020-01-12"),
    "4": ("Gandaki", "गण्डकी", "2018-07-06"),
    "5": ("Lumbini", "लुम्बिनी", "2020-10-06"),
    "6": ("Karnali", "कर्णाली", "2018-02-25"),
    "7": ("Sudurpashchim", "सुदूरपश्चिम", "2018-09-28"),
}
DISTRICT_ALIASES = {
    "Tehrathum": ("Terhathum", "Therathum", "Terathum"),
    "Kapilbastu": ("Kapilvastu",),
    "Tanahu": ("Tanahun", "Tanahaun"),
    "Kavrepalanchok": (
        "Kavre",
        "Kabhrepalanchok",
        "Kavrepalanchowk",
        "Kabhre",
        "Kavre Palanchok",
        "Kavrepalanchwok",
    ),
    "Dhanusa": ("Dhanusha",),
    "Chitwan": ("Chitawan",),
    "Makwanpur": ("Makawanpur",),
    "Sindhupalchok": ("Sindhupalchowk",),
    "Darchula": ("Darchaula",),
    "Ilam": ("Illam",),
    "Udayapur": ("Udaypur",),
    "Dadeldhura": ("Dandeldhura", "Dadheldhura"),
    "Parbat": ("Parvat", "Parwat"),
    "Nawalparasi": ("Nawalparashi",),
    "Arghakhanchi": ("Argakhanchi",),
    "Rukum West": ("Western Rukum", "Rukum Paschim", "Rukum_W", "Rukum (West)"),
    "Rukum East": ("Eastern Rukum", "Rukum Purba", "Rukum_E", "Rukum (East)"),
    "Nawalparasi West": (
        "Parasi",
        "Nawalparasi Bardaghat Susta West",
        "Nawalparasi (Bardaghat Susta West)",
        "Nawalparasi_W",
        "Nawalparasi (West)",
    ),
    "Nawalparasi East": (
        "Nawalpur",
        "Nawalparasi Bardaghat Susta East",
        "Nawalparasi (Bardaghat Susta East)",
        "Nawalparasi_E",
        "Nawalparasi (East)",
    ),
}
# Codes of the census bureau's list whose names differ from the census tables' beyond what likeness can tell.
VDC_EQUIVALENTS = {
    "5054": ("1370", "Sinhadevisombare: the one unit of Morang left on both sides is Singhadevi"),
    "12049": ("1816", "Sisneri is Sisneri Mahadevsthan"),
    "15106": ("1930", "Saraswor is Sarswar"),
    "45031": (
        "3135",
        "the one municipality of Baglung in both lists: Baglung Municipality, Kalika Municipality",
    ),
    "45038": ("3107", "Narayansthan is Andheri Narayansthan"),
    "45036": ("3140", "Malika is Malikathota"),
    "46048": ("3660", "Jaisithok is Jaisithok Mandan"),
    "46059": ("3671", "Musikot is Musikot Khalanga"),
    "54006": ("3019", "Chaurjahari lies in Bijayeshwari, the one unit of Rukum left on both sides"),
    "63013": ("2801", "Kalikakhetu: the one unit of Jumla left on both sides is Kalika"),
    "56039": ("2911", "Tribhuwannagar Municipality was renamed Ghorahi Municipality"),
    "69017": ("2290", "Chandika (Bayalpata) is Chandika"),
}
TYPES = {
    "Gaunpalika": "rural municipality",
    "Nagarpalika": "municipality",
    "Upamahanagarpalika": "sub-metropolitan city",
    "Mahanagarpalika": "metropolitan city",
    "National Park": "national park",
    "Wildlife Reserve": "wildlife reserve",
    "Hunting Reserve": "hunting reserve",
    "Watershed and Wildlife Reserve": "wildlife reserve",
    "Development Area": "development area",
}
PROTECTED = r"National Park|Wildlife Reserve|Hunting Reserve|Development (?:Trust|Area)"


def main() -> None:
    """Read the lists, write the seeds, print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=settings.load().dbt_project / "seeds" / "places")
    arguments = parser.parse_args()
    seeds = build(arguments.folder)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, frame in seeds.items():
        frame.to_csv(arguments.out / f"{name}.csv", index=False, lineterminator="\n")
        print(f"{name}: {len(frame):,} rows")


def build(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the seeds by name, from the folder of published figures."""
    lists = _read_lists(folder / "places")
    districts = _districts(lists)
    protected = _protected_areas(lists, districts)
    places = _places(lists, districts, protected)
    codes, rejected = _codes(lists, places, protected)
    links = crosswalk(places, _district_successors(places))
    return {
        "place_scheme": _schemes(),
        "place_vintage": _vintages(),
        "place": places[list(COLUMNS["place"])],
        "place_code": codes.drop(columns=["linked_by"]).sort_values(
            ["place_scheme", "place_level", "place_id", "place_code"], ignore_index=True
        ),
        "place_name": _names(places, codes, lists),
        "place_change": _changes(places, codes, links, lists),
        "crosswalk": links,
        "place_rejected": rejected,
    }


def _read_lists(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the lists as text, with the line of the file on which each row stands."""
    files = {
        "census": "districts_and_vdcs_2011.csv",
        "federal": "federal_units_2021.csv",
        "cbs_vdc": "vdc_codes_cbs.csv",
        "cbs_district": "districts_75_en_ne.csv",
        "hlcit": "local_units_hlcit_en_ne.csv",
        "local_75": "local_units_75_district_numbering_en_ne.csv",
        "area": "vdc_to_municipality_area_share.csv",
    }
    lists = {
        name: pd.read_csv(folder / file, dtype=str, keep_default_na=False) for name, file in files.items()
    }
    federal = lists["federal"]
    federal["parent_code"] = federal["parent_code"].where(
        federal["geo_level"] != "local", federal["parent_code"].str.zfill(2)
    )
    federal["suffix"] = [
        long[len(short) :].strip() for long, short in zip(federal["long_name"], federal["name"], strict=True)
    ]
    local_75 = lists["local_75"]
    local_75["district"] = local_75["district"].replace({"_E$": " East", "_W$": " West"}, regex=True)
    return lists


def _districts(lists: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return today's districts: ``code, name, province``.

    Besides it gives the two lists of local units the codes of their districts, as ``parent``.
    """
    federal = lists["federal"]
    listed = federal[federal["geo_level"] == "district"].rename(columns={"geo_code": "code"})
    names = listed["code"].map(DISTRICT_OF_CODE_2017).fillna(listed["name"])
    province = names.map(dict(zip(listed["name"], listed["parent_code"], strict=True)))
    districts = pd.DataFrame({"code": listed["code"], "name": names, "province": province})
    for name, column in (("hlcit", "dname_english"), ("local_75", "district")):
        theirs = lists[name][[column]].drop_duplicates().set_axis(["name"], axis=1).assign(parent="NP")
        linked = _linked(theirs, districts.assign(parent="NP"), complete=True)
        lists[name]["parent"] = lists[name][column].map(
            dict(zip(theirs.loc[linked["left"], "name"], districts.loc[linked["right"], "code"], strict=True))
        )
    return districts.reset_index(drop=True)


def _linked(left: pd.DataFrame, right: pd.DataFrame, *, complete: bool = False) -> pd.DataFrame:
    links, unlinked = link(left[["name", "parent"]], right[["name", "parent"]], complete=complete)
    if len(unlinked):
        lost = left.loc[unlinked["left"], ["name", "parent"]].to_dict("records")
        raise SystemExit(f"these have no partner: {lost}")
    return links


def _protected_areas(lists: dict[str, pd.DataFrame], districts: pd.DataFrame) -> pd.DataFrame:
    """Return the protected areas, with the X... code that the area shares use.

    The X... codes come without names. The district of the VDCs that lie in one says where it is; where a
    district has two, they follow each other in the order of the lists.
    """
    census, area = lists["census"], lists["area"]
    district_2011 = census[census["geo_level"] == "district"].rename(columns={"geo_code": "code_2011"})
    x = area[area["municipality_code"].str.startswith("X")].assign(
        share=lambda t: t["area_share"].astype(float)
    )
    x = x.merge(census[["geo_code", "parent_code"]], left_on="vdc_geo_code", right_on="geo_code")
    x = x.merge(district_2011[["code_2011", "name"]], left_on="parent_code", right_on="code_2011")
    x = x.sort_values("share", ascending=False).drop_duplicates("municipality_code")
    # In a split district it is the eastern part that has a protected area in the lists.
    x["name"] = x["name"].replace({"Rukum": "Rukum East", "Nawalparasi": "Nawalparasi East"})
    linked = _linked(
        x[["name"]].drop_duplicates().assign(parent="NP"), districts.assign(parent="NP"), complete=False
    )
    code = dict(
        zip(x.loc[linked["left"], "name"], districts.loc[linked["right"], "code"].tolist(), strict=True)
    )
    x["parent"] = x["name"].map(code)
    x["order"] = x["municipality_code"].str[1:].astype(int)
    x = x.sort_values(["parent", "order"])
    x["position"] = x.groupby("parent").cumcount()
    theirs = lists["hlcit"][lists["hlcit"]["status_english"] == "Designated Area"].copy()
    theirs["position"] = theirs.groupby("parent").cumcount()
    protected = x.merge(theirs, on=["parent", "position"], how="outer", validate="one_to_one", indicator=True)
    if not (protected["_merge"] == "both").all():
        raise SystemExit("the X... codes of the area shares and the designated areas do not pair up")
    return protected.rename(columns={"municipality_code": "code", "local_body_name_english": "area_name"})[
        ["code", "parent", "area_name", "local_body_name_nepali", "hlcit_code"]
    ].assign(place_id=lambda t: "NP-2017:local_unit:" + t["code"])


def _places(lists, districts, protected) -> pd.DataFrame:
    """Return all places of both vintages; ``code`` is the one in the vintage's main scheme."""
    census, federal = lists["census"], lists["federal"]
    columns = ["place_level", "code", "place_name", "place_name_ne", "place_type", "parent"]

    nepali = lists["cbs_district"].rename(columns={"district_name_english": "name"}).assign(parent="NP")
    old = census[census["geo_level"] == "district"].assign(parent="NP")
    linked = _linked(nepali, old, complete=True)
    nepali_of_old = pd.Series(
        nepali.loc[linked["left"], "district_name_nepali"].to_numpy(),
        index=old.loc[linked["right"], "geo_code"].to_numpy(),
    )
    vdc = census[census["geo_level"] == "vdc"].sort_values("geo_code", key=lambda codes: codes.astype(int))
    unnamed = vdc["name"] == "na"
    vdc_type = np.select(
        [vdc["name"].str.contains(PROTECTED), vdc["name"].str.contains("Municipality"), unnamed],
        ["protected area", "municipality", "unnamed unit"],
        "village development committee",
    )
    vintage_2011 = pd.concat(
        [
            pd.DataFrame([("country", "NP", "Nepal", "नेपाल", "country", "")], columns=columns),
            pd.DataFrame(
                {
                    "place_level": "district",
                    "code": old["geo_code"],
                    "place_name": old["name"],
                    "place_name_ne": old["geo_code"].map(nepali_of_old),
                    "place_type": "district",
                    "parent": "NP-2011:country:NP",
                }
            ).sort_values("code"),
            pd.DataFrame(
                {
                    "place_level": "vdc",
                    "code": vdc["geo_code"],
                    "place_name": vdc["name"].where(~unnamed, "Unnamed unit " + vdc["geo_code"]),
                    "place_name_ne": "",
                    "place_type": vdc_type,
                    "parent": "NP-2011:district:" + vdc["parent_code"],
                }
            ),
        ]
    ).assign(place_vintage="NP-2011", valid_from=BEGINS, valid_to=RESTRUCTURED)

    local = federal[(federal["geo_level"] == "local") & (federal["geo_code"] != "00000")]
    local = local.drop_duplicates("geo_code").sort_values("geo_code")
    hlcit = lists["hlcit"]
    hlcit = hlcit[hlcit["status_english"] != "Designated Area"].assign(
        name=lambda t: t["local_body_name_english"] + " " + t["status_english"]
    )
    ours = local.assign(name=local["long_name"], parent=local["parent_code"])
    linked = _linked(hlcit, ours, complete=True)
    nepali_of_local = pd.Series(
        hlcit.loc[linked["left"], "local_body_name_nepali"].str.strip().to_numpy(),
        index=ours.loc[linked["right"], "geo_code"].to_numpy(),
    )
    nepali_of_district = hlcit.drop_duplicates("parent").set_index("parent")["dname_nepali"]
    vintage_2017 = pd.concat(
        [
            pd.DataFrame([("country", "NP", "Nepal", "नेपाल", "country", "")], columns=columns),
            pd.DataFrame(
                [
                    ("province", code, name, name_ne, "province", "NP-2017:country:NP")
                    for code, (name, name_ne, _) in PROVINCES.items()
                ],
                columns=columns,
            ),
            pd.DataFrame(
                {
                    "place_level": "district",
                    "code": districts["code"],
                    "place_name": districts["name"],
                    "place_name_ne": districts["code"].map(nepali_of_district),
                    "place_type": "district",
                    "parent": "NP-2017:province:" + districts["province"],
                }
            ).sort_values("code"),
            pd.DataFrame(
                {
                    "place_level": "local_unit",
                    "code": local["geo_code"],
                    "place_name": local["name"],
                    "place_name_ne": local["geo_code"].map(nepali_of_local),
                    "place_type": local["suffix"].map(TYPES),
                    "parent": "NP-2017:district:" + local["parent_code"],
                }
            ),
            pd.DataFrame(
                {
                    "place_level": "local_unit",
                    "code": protected["code"],
                    "place_name": protected["area_name"],
                    "place_name_ne": protected["local_body_name_nepali"],
                    "place_type": "protected area",
                    "parent": "NP-2017:district:" + protected["parent"],
                }
            ),
        ]
    ).assign(place_vintage="NP-2017", valid_from=RESTRUCTURED, valid_to="")
    places = pd.concat([vintage_2011, vintage_2017], ignore_index=True).rename(
        columns={"parent": "parent_id"}
    )
    places["place_id"] = places["place_vintage"] + ":" + places["place_level"] + ":" + places["code"]
    places["is_statistical"] = ~places["place_type"].isin(["protected area", "unnamed unit"])
    return places


def _codes(lists, places, protected) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the codes of every scheme with the place each means, and the rejected ones with the reason."""
    census, federal = lists["census"], lists["federal"]
    codes, rejected = [], []
    level_2017 = federal["geo_level"].replace({"local": "local_unit"})

    def accept(scheme, level, code, name, place_id, vintage, linked_by):
        codes.append(
            pd.DataFrame(
                {
                    "place_scheme": scheme,
                    "place_level": level,
                    "place_code": code,
                    "place_id": place_id,
                    "place_code_name": name,
                    "place_vintage": vintage,
                    "linked_by": linked_by,
                }
            )
        )

    def reject(scheme, level, code, name, reason):
        rejected.append(
            pd.DataFrame(
                {
                    "place_scheme": scheme,
                    "place_level": level,
                    "place_code": code,
                    "place_code_name": name,
                    "reason": reason,
                }
            )
        )

    accept(
        "NP-CENSUS-2011",
        census["geo_level"],
        census["geo_code"],
        census["name"],
        "NP-2011:" + census["geo_level"] + ":" + census["geo_code"],
        "NP-2011",
        "code",
    )

    shifted = (federal["geo_level"] == "district") & federal["geo_code"].isin(DISTRICT_OF_CODE_2017)
    park = federal["geo_code"] == "00000"
    twice = ~park & federal.assign(level=level_2017).duplicated(["level", "geo_code"])
    good = federal[~park & ~twice]
    names = good["name"].where(~shifted, good["geo_code"].map(DISTRICT_OF_CODE_2017))
    level = level_2017[good.index]
    accept(
        "NP-LOCAL-2017",
        level,
        good["geo_code"],
        names,
        "NP-2017:" + level + ":" + good["geo_code"],
        "NP-2017",
        "code",
    )
    of_district = places[places["place_level"] == "district"].set_index("place_id")["place_name"]
    bad = federal[park]
    reject(
        "NP-LOCAL-2017",
        "local_unit",
        bad["geo_code"],
        bad["name"],
        "code 00000 stands for 22 protected areas; this one lies in "
        + ("NP-2017:district:" + bad["parent_code"]).map(of_district),
    )
    bad = federal[twice]
    reject(
        "NP-LOCAL-2017",
        "local_unit",
        bad["geo_code"],
        bad["name"],
        "the code is listed twice for the same unit",
    )
    bad = federal[shifted]
    reject(
        "NP-LOCAL-2017",
        "district",
        bad["geo_code"],
        bad["name"],
        "the name list is shifted: the local units and the population published under this code are those of "
        + bad["geo_code"].map(DISTRICT_OF_CODE_2017),
    )

    _cbs_codes(lists, places, accept, reject)
    _today_codes(lists, places, protected, accept, reject)
    return pd.concat(codes, ignore_index=True), pd.concat(rejected, ignore_index=True)


def _cbs_codes(lists, places, accept, reject) -> None:
    census = lists["census"]
    old = census[census["geo_level"] == "district"].assign(parent="NP")
    theirs = lists["cbs_district"].rename(columns={"district_name_english": "name"}).assign(parent="NP")
    links = _linked(theirs, old, complete=True)
    left, right = theirs.loc[links["left"]].reset_index(), old.loc[links["right"]].reset_index()
    accept(
        "NP-CBS",
        "district",
        left["district_code"],
        left["name"],
        "NP-2011:district:" + right["geo_code"],
        "NP-2011",
        links["method"],
    )
    district_2011 = dict(zip(left["district_code"], right["geo_code"], strict=True))

    theirs = lists["cbs_vdc"].assign(
        name=lambda t: t["vdc_name"], parent=lambda t: t["district_code"].map(district_2011)
    )
    decided = theirs["vdc_code"].isin(VDC_EQUIVALENTS)
    equivalent = theirs.loc[decided, "vdc_code"].map(lambda code: VDC_EQUIVALENTS[code][0])
    if decided.sum() != len(VDC_EQUIVALENTS):
        raise SystemExit("an equivalent names a code that is not in the list")
    accept(
        "NP-CBS",
        "vdc",
        theirs.loc[decided, "vdc_code"],
        theirs.loc[decided, "name"],
        "NP-2011:vdc:" + equivalent,
        "NP-2011",
        "decision",
    )
    ours = census[
        (census["geo_level"] == "vdc") & (census["name"] != "na") & ~census["geo_code"].isin(equivalent)
    ].assign(parent=lambda t: t["parent_code"])
    links, unlinked = link(theirs.loc[~decided, ["name", "parent"]], ours[["name", "parent"]])
    left, right = theirs.loc[links["left"]].reset_index(), ours.loc[links["right"]].reset_index()
    accept(
        "NP-CBS",
        "vdc",
        left["vdc_code"],
        left["name"],
        "NP-2011:vdc:" + right["geo_code"],
        "NP-2011",
        links["method"],
    )
    bad = theirs.loc[unlinked["left"]].reset_index()
    reject("NP-CBS", "vdc", bad["vdc_code"], bad["name"], unlinked["reason"])


def _today_codes(lists, places, protected, accept, reject) -> None:
    """Codes of the two other lists of today's local units."""
    local = places[(places["place_vintage"] == "NP-2017") & (places["place_level"] == "local_unit")]
    units = local[local["is_statistical"]].assign(
        name=lambda t: t["place_name"] + " " + t["place_type"], parent=lambda t: t["parent_id"].str[-2:]
    )
    units["name"] = units["name"].str.replace("rural municipality", "Gaunpalika")
    areas = local[~local["is_statistical"]].assign(
        name=lambda t: t["place_name"], parent=lambda t: t["parent_id"].str[-2:]
    )
    hlcit = lists["hlcit"].assign(
        code=lambda t: t["hlcit_code"],
        short=lambda t: t["local_body_name_english"],
        is_area=lambda t: t["status_english"] == "Designated Area",
        kind=lambda t: t["status_english"],
    )
    local_75 = lists["local_75"].assign(
        code=lambda t: t["locallevel_fullcode"],
        short=lambda t: t["locallevel_name"],
        is_area=lambda t: ~t["locallevel_type"].str.endswith("palika"),
        kind=lambda t: t["locallevel_type"],
    )
    for scheme, theirs in (("NP-HLCIT", hlcit), ("NP-LOCAL-75", local_75)):
        for number in PROVINCES:
            accept(
                scheme,
                "province",
                [number],
                f"Province {number}",
                f"NP-2017:province:{number}",
                "NP-2017",
                "code",
            )
        district_column = "dname_english" if scheme == "NP-HLCIT" else "district"
        district = theirs[["district_code", district_column, "parent"]].drop_duplicates()
        shared = district.duplicated("district_code", keep=False)
        good, bad = district[~shared], district[shared]
        accept(
            scheme,
            "district",
            good["district_code"],
            good[district_column],
            "NP-2017:district:" + good["parent"],
            "NP-2017",
            "key",
        )
        if len(bad):
            reject(
                scheme,
                "district",
                bad["district_code"],
                bad[district_column],
                "one code for the two districts that the former district was split into",
            )
        twice = theirs.duplicated("code")
        if twice.any():
            bad = theirs[twice]
            reject(
                scheme, "local_unit", bad["code"], bad["short"], "the code is listed twice for the same unit"
            )
            theirs = theirs[~twice]
        for is_area, ours in ((False, units), (True, areas)):
            part = theirs[theirs["is_area"] == is_area].copy()
            part["name"] = part["short"] if is_area else part["short"] + " " + part["kind"]
            links, unlinked = link(part[["name", "parent"]], ours[["name", "parent"]], complete=not is_area)
            left, right = part.loc[links["left"]].reset_index(), ours.loc[links["right"]].reset_index()
            accept(
                scheme,
                "local_unit",
                left["code"],
                left["short"],
                right["place_id"],
                "NP-2017",
                links["method"],
            )
            if len(unlinked):
                bad = part.loc[unlinked["left"]].reset_index()
                reject(scheme, "local_unit", bad["code"], bad["short"], unlinked["reason"])


def _names(places, codes, lists) -> pd.DataFrame:
    """Return every name of every place: official, alias or former, with language and script."""
    frames = [
        places[["place_id", "place_name"]].assign(name_kind="official", language="en", script="Latn"),
        places[["place_id"]].assign(
            place_name=places["place_name_ne"], name_kind="official", language="ne", script="Deva"
        ),
    ]
    districts = places[places["place_level"] == "district"]
    spelled = districts["place_name"].replace(
        {"Kavrepalanchowk": "Kavrepalanchok", "Sindhupalchowk": "Sindhupalchok"}
    )
    frames.append(
        pd.DataFrame(
            [
                (place_id, alias, "alias", "en", "Latn")
                for place_id, name in zip(districts["place_id"], spelled, strict=True)
                for alias in (*DISTRICT_ALIASES.get(name, ()), name)
            ],
            columns=["place_id", "place_name", "name_kind", "language", "script"],
        )
    )
    provinces = [
        row
        for number, (name, name_ne, _) in PROVINCES.items()
        for row in (
            (number, f"{name} Province", "official", "en", "Latn"),
            (number, f"{name_ne} प्रदेश", "official", "ne", "Deva"),
            (number, f"Province No. {number}", "former", "en", "Latn"),
            (number, f"Province {number}", "former", "en", "Latn"),
            (number, f"प्रदेश नं. {'०१२३४५६७८९'[int(number)]}", "former", "ne", "Deva"),
        )
    ]
    provinces.append(("2", "Madhes", "alias", "en", "Latn"))
    provinces.append(("7", "Sudur Pashchim", "alias", "en", "Latn"))
    provinces.append(("7", "Far Western", "alias", "en", "Latn"))
    frame = pd.DataFrame(provinces, columns=["place_id", "place_name", "name_kind", "language", "script"])
    frames.append(frame.assign(place_id="NP-2017:province:" + frame["place_id"]))
    listed = codes[codes["place_level"].isin(["vdc", "local_unit", "district"])]
    listed = listed[~listed["place_id"].isin(places.loc[places["place_type"] == "unnamed unit", "place_id"])]
    kind = np.where(listed["linked_by"].isin(["elimination"]), "former", "alias")
    frames.append(
        listed[["place_id"]].assign(
            place_name=listed["place_code_name"].str.strip(), name_kind=kind, language="en", script="Latn"
        )
    )
    nepali = lists["local_75"].merge(
        codes[codes["place_scheme"] == "NP-LOCAL-75"], left_on="locallevel_fullcode", right_on="place_code"
    )
    nepali = nepali[nepali["place_level"] == "local_unit"]
    frames.append(
        nepali[["place_id"]].assign(
            place_name=nepali["locallevel_name_nepali"].str.strip(),
            name_kind="alias",
            language="ne",
            script="Deva",
        )
    )
    names = pd.concat(frames, ignore_index=True)
    names = names[names["place_name"].fillna("").str.strip() != ""]
    names["rank"] = names["name_kind"].map({"official": 0, "former": 1, "alias": 2})
    names = names.sort_values(["place_id", "rank", "language", "place_name"], kind="stable")
    return names.drop_duplicates(["place_id", "place_name"]).drop(columns="rank").reset_index(drop=True)


def _district_successors(places: pd.DataFrame) -> pd.DataFrame:
    """Return pairs ``old, new`` of district ids: by name, and the split ones by the name they share."""
    districts = places[places["place_level"] == "district"].assign(
        name=lambda t: t["place_name"], parent="NP"
    )
    old = districts[districts["place_vintage"] == "NP-2011"]
    new = districts[districts["place_vintage"] == "NP-2017"]
    is_split = old["name"].isin(["Rukum", "Nawalparasi"])
    is_part = new["name"].str.contains("^(?:Rukum|Nawalparasi) ", regex=True)
    links = _linked(old[~is_split], new[~is_part], complete=True)
    continued = pd.DataFrame(
        {
            "old": old.loc[links["left"], "place_id"].to_numpy(),
            "new": new.loc[links["right"], "place_id"].to_numpy(),
        }
    )
    parts = new[is_part].assign(whole=lambda t: t["name"].str.split(" ").str[0])
    split = old[is_split].merge(parts, left_on="name", right_on="whole")
    split = split[["place_id_x", "place_id_y"]].set_axis(["old", "new"], axis=1)
    return pd.concat([continued, split], ignore_index=True)


def _changes(places, codes, links, lists) -> pd.DataFrame:
    """Return what became of each place of 2011, what was created, and what was renamed since."""
    changes = [("NP-2011:country:NP", "NP-2017:country:NP", "continued", RESTRUCTURED, "")]
    name = places.set_index("place_id")["place_name"]
    successors = _district_successors(places)
    split = successors.duplicated("old", keep=False)
    for old, new, is_split in zip(successors["old"], successors["new"], split, strict=True):
        note = f"{name[old]} {old[-2:]} in NP-CENSUS-2011, {name[new]} {new[-2:]} in NP-LOCAL-2017"
        changes.append((old, new, "split" if is_split else "continued", RESTRUCTURED, note))
    for number, (new_name, _, decided) in PROVINCES.items():
        place_id = f"NP-2017:province:{number}"
        changes.append(("", place_id, "created", RESTRUCTURED, f"as Province No. {number}"))
        changes.append(
            (
                place_id,
                place_id,
                "renamed",
                decided,
                f"Province No. {number} was named {new_name} by its assembly",
            )
        )
    vdc = links[links["from_place_id"].str.startswith("NP-2011:vdc")]
    vdc = vdc.drop_duplicates(["from_place_id", "to_place_id"])
    parts = vdc.groupby("from_place_id")["to_place_id"].transform("size")
    sources = vdc.groupby("to_place_id")["from_place_id"].transform("size")
    kind = np.select([parts > 1, sources > 1], ["split", "merged"], "continued")
    changes += list(
        zip(
            vdc["from_place_id"],
            vdc["to_place_id"],
            kind,
            [RESTRUCTURED] * len(vdc),
            vdc["note"],
            strict=True,
        )
    )
    old = places.loc[places["place_level"] == "vdc", "place_id"]
    gone = old[~old.isin(vdc["from_place_id"])]
    area = lists["area"].assign(share=lambda t: t["area_share"].astype(float)).sort_values("share")
    main = area.drop_duplicates("vdc_geo_code", keep="last").set_index("vdc_geo_code")["municipality_code"]
    for place_id in gone:
        to = main[place_id.rpartition(":")[2]]
        changes.append(
            (place_id, f"NP-2017:local_unit:{to}", "continued", RESTRUCTURED, "protected area, no local unit")
        )
    renamed = codes[(codes["place_scheme"] == "NP-HLCIT") & (codes["linked_by"] == "elimination")]
    for place_id, former in zip(renamed["place_id"], renamed["place_code_name"], strict=True):
        changes.append(
            (place_id, place_id, "renamed", "", f"{former} in NP-HLCIT, {name[place_id]} in NP-LOCAL-2017")
        )
    columns = ["from_place_id", "to_place_id", "change_type", "changed_on", "note"]
    frame = pd.DataFrame(changes, columns=columns)
    return frame.sort_values(["from_place_id", "to_place_id", "change_type"], ignore_index=True)


def _vintages() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (
                "NP-2011",
                "75 districts and the villages and municipalities of the 2011 census",
                BEGINS,
                RESTRUCTURED,
                False,
            ),
            ("NP-2017", "7 provinces, 77 districts, 753 local units", RESTRUCTURED, "", True),
        ],
        columns=["place_vintage", "title", "valid_from", "valid_to", "is_current"],
    )


def _schemes() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (
                "NP-CENSUS-2011",
                "Codes of the tables of the 2011 census",
                "Central Bureau of Statistics",
                BEGINS,
                RESTRUCTURED,
                f"{COMMON}: districts_and_vdcs_2011.csv",
            ),
            (
                "NP-LOCAL-2017",
                "Codes of the federal units after the restructuring of 2017",
                "National Statistics Office",
                RESTRUCTURED,
                "",
                f"{COMMON_2021}: federal_units_2021.csv",
            ),
            (
                "NP-CBS",
                "The census bureau's own codes of districts and VDCs",
                "Central Bureau of Statistics",
                BEGINS,
                RESTRUCTURED,
                "code-geek/nepal_data (2022-01-28), MIT: districts_75_en_ne.csv, vdc_codes_cbs.csv",
            ),
            (
                "NP-HLCIT",
                "Codes of local bodies of the High Level Commission for Information Technology",
                "Government of Nepal",
                RESTRUCTURED,
                "",
                "code-geek/nepal_data (2022-01-28), MIT: local_units_hlcit_en_ne.csv",
            ),
            (
                "NP-LOCAL-75",
                "Today's local units on the numbering of the 75 districts",
                "Government of Nepal",
                RESTRUCTURED,
                "",
                "younginnovations/nepal-locallevel-map (2019-06-12), MIT: "
                "local_units_75_district_numbering_en_ne.csv",
            ),
        ],
        columns=["place_scheme", "title", "custodian", "valid_from", "valid_to", "source"],
    )


if __name__ == "__main__":
    main()
