import numpy as np
import pandas as pd
import pytest

from statloom import places
from statloom.errors import StatloomError
from statloom.places import release
from statloom.places.normalise import normalise

COLUMNS = {"level": "level", "code": "code", "name": "name", "parent": "parent"}
DATE = "2021-11-11"


def listed_in(scheme: str) -> pd.DataFrame:
    """The units of a scheme as the registry has them: level, code, name, parent's code, place id."""
    registry = places.load()
    codes = registry.codes(scheme).merge(
        registry.places[["position", "place_name", "parent_id"]], on="position"
    )
    return pd.DataFrame(
        {
            "level": codes["place_level"],
            "code": codes["place_code"],
            "name": codes["place_name"],
            "parent": codes["parent_id"].str.rpartition(":")[2],
            "id": codes["place_id"],
        }
    )


def listed(edit=None) -> pd.DataFrame:
    """The federal list as the registry has it: level, code, name, parent's code; changed by ``edit``."""
    frame = listed_in("NP-LOCAL-2017").drop(columns="id")
    # Codes of provinces and districts of the list are other words than those of local units.
    frame = frame.set_index("code", drop=False)
    return frame if edit is None else edit(frame)


def compared(frame):
    read = release.read(frame, **COLUMNS)
    return read, release.compare(places.load(), read, scheme="NP-LOCAL-2017", date=DATE)


def counts(changes):
    return changes["change"].value_counts().to_dict()


def row(changes, **wanted):
    for column, value in wanted.items():
        changes = changes[changes[column] == value]
    assert len(changes) == 1
    return changes.iloc[0]


def test_nothing_changed():
    read, changes = compared(listed())
    assert read.levels == ("country", "province", "district", "local_unit")
    assert counts(changes) == {"unchanged": 838}


def test_codes_that_change_with_their_parents_are_recodes():
    """Two provinces get new codes, and with them all codes below: 2 + districts + local units are recoded."""

    def edit(frame):
        new = {"1": "8", "7": "9"}
        level = frame["level"]
        frame["code"] = [
            new.get(code[0], code[0]) + code[1:] if kind in ("province", "local_unit") else code
            for code, kind in zip(frame["code"], level, strict=True)
        ]
        is_district = level == "district"
        frame.loc[is_district, "parent"] = frame.loc[is_district, "parent"].replace(new)
        return frame

    changed = listed(edit)
    _, changes = compared(changed)
    expected = changed["code"].to_numpy() != changed.index.to_numpy()
    assert expected.sum() > 200
    assert counts(changes) == {"recoded": expected.sum(), "unchanged": 838 - expected.sum()}
    local = row(changes, code="80105")
    assert (local["code_before"], local["place_id"]) == ("10105", "NP-2017:local_unit:10105")


def test_a_rename_is_a_rename():
    def edit(frame):
        frame.loc["10105", "name"] = "Xanadu"
        frame.loc["30608", "name"] = "Kantipur"
        return frame

    _, changes = compared(listed(edit))
    assert counts(changes) == {"unchanged": 836, "renamed": 2}
    assert row(changes, name="Kantipur")["name_before"] == "Kathmandu"


def test_units_that_move_are_created_and_are_dissolved():
    def edit(frame):
        frame.loc["73", "parent"] = "3"  # Taplejung to Bagmati: its units stay in it
        more = {"level": "district", "code": "78", "name": "Newland", "parent": "3"}
        return pd.concat([frame.drop("50101"), pd.DataFrame([more])])

    _, changes = compared(listed(edit))
    assert counts(changes) == {"unchanged": 836, "moved": 1, "created": 1, "dissolved": 1}
    moved = row(changes, change="moved")
    assert (moved["name"], moved["parent_before"], moved["parent"]) == ("Taplejung", "Koshi", "Bagmati")
    assert row(changes, change="created")["place_id"] == ""
    assert row(changes, change="dissolved")["place_id"] == "NP-2017:local_unit:50101"


def test_units_that_move_to_a_new_parent_with_new_codes_namesakes_among_them():
    """Half of a district becomes a new one, under new codes; a namesake elsewhere is not mixed up with it."""

    def edit(frame):
        chosen = frame[frame["parent"] == "12"].index[:4]
        assert "31302" in chosen  # Kalika, of which there are three
        frame.loc[chosen, "code"] = [f"399{number:02}" for number in range(4)]
        frame.loc[chosen, "parent"] = "78"
        more = {"level": "district", "code": "78", "name": "Newland", "parent": "3"}
        return pd.concat([frame, pd.DataFrame([more])])

    _, changes = compared(listed(edit))
    assert counts(changes) == {"unchanged": 834, "recoded": 4, "created": 1}
    assert changes.loc[changes["change"] == "recoded", "also"].tolist() == ["moved"] * 4
    assert row(changes, place_id="NP-2017:local_unit:31302")["parent"] == "Newland"


def test_the_order_of_the_list_does_not_matter():
    frame = listed(
        lambda frame: frame.assign(
            code=frame["code"].where(frame["level"] != "local_unit", "9" + frame["code"])
        )
    )
    _, straight = compared(frame)
    _, shuffled = compared(frame.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(straight, shuffled)


def census_list() -> pd.DataFrame:
    """The districts and villages of 2011, some 4,000 units, by place id."""
    frame = listed_in("NP-CENSUS-2011")
    return frame[~frame["name"].str.startswith("Unnamed")].set_index("id", drop=False)


def test_a_list_of_thousands_of_units_in_which_everything_happens_at_once():
    """430 units move to another parent, and their codes with them; others rename, swap codes, go, come."""
    rng = np.random.default_rng(7)
    frame = census_list()
    vdc = frame[frame["level"] == "vdc"]
    single = vdc[~normalise(vdc["name"])["key"].duplicated(keep=False).set_axis(vdc.index)].index.to_numpy()
    picked = rng.choice(single, 470, replace=False)
    moved, renamed, swapped, gone = picked[:430], picked[430:450], picked[450:460], picked[460:]
    district = frame.loc[frame["level"] == "district", "code"].to_numpy()
    others = [rng.choice(district[district != own]) for own in frame.loc[moved, "parent"]]
    frame.loc[moved, "parent"] = others
    frame.loc[moved, "code"] = [f"{parent}-{number:04}" for number, parent in enumerate(others)]
    frame.loc[renamed, "name"] = [f"Xyloquent {number}" for number in range(20)]
    frame.loc[swapped, "code"] = frame.loc[swapped[::-1], "code"].to_numpy()
    new = pd.DataFrame(
        {
            "level": "vdc",
            "code": [f"N{n}" for n in range(7)],
            "name": [f"Zzyzx {n}" for n in range(7)],
            "parent": "01",
        }
    )
    listed = pd.concat([frame.drop(gone), new]).sample(frac=1, random_state=4)
    read = release.read(listed, **COLUMNS)
    changes = release.compare(places.load(), read, scheme="NP-CENSUS-2011", date="2011-06-22")
    changes = changes[~changes["name_before"].str.startswith("Unnamed")]
    units = changes[changes["level"] == "vdc"]
    assert counts(units[units["change"] != "unchanged"]) == {
        "recoded": 440,
        "renamed": 20,
        "created": 7,
        "dissolved": 10,
    }
    assert counts(changes[changes["level"] != "vdc"]) == {"unchanged": 76}
    by_place = changes.set_index("place_id")
    assert set(by_place.index[by_place["also"] == "moved"]) == set(moved)
    assert (by_place.loc[moved, "code"] == frame.loc[moved, "code"]).all()
    assert set(by_place.index[by_place["change"] == "dissolved"]) == set(gone)
    assert release.counts(changes, "vdc")["moved"] == 430


def test_codes_without_their_leading_zeros_are_a_mistake():
    def edit(frame):
        frame["code"] = [
            code.lstrip("0") if level == "district" else code
            for level, code in zip(frame["level"], frame["code"], strict=True)
        ]
        frame["parent"] = [
            parent.lstrip("0") if level == "local_unit" else parent
            for level, parent in zip(frame["level"], frame["parent"], strict=True)
        ]
        return frame

    with pytest.raises(
        StatloomError, match=r"row \d+: code \d is 0\d of NP-LOCAL-2017 without its leading zeros"
    ):
        compared(listed(edit))
    read = release.read(listed(edit), **COLUMNS)
    changes = release.compare(places.load(), read, scheme="NP-LOCAL-2017", date=DATE, keep_codes=True)
    assert counts(changes[changes["level"] == "district"]) == {"recoded": 9, "unchanged": 68}


def test_names_are_kept_when_a_release_is_taken_in():
    def edit(frame):
        frame.loc["36", "name"] = "Kantipur"
        return frame

    read, changes = compared(listed(edit))
    names = {"scheme": "NP-LOCAL-2027", "vintage": "NP-2027", "valid_from": "2027-07-16"}
    seeds = release.take_in(places.load(), read, changes, **names, custodian="NSO", source="list of 2027")
    name = seeds["place_name"].set_index("place_id")
    assert "Kapilvastu" in name.loc["NP-2027:district:34", "place_name"].tolist()
    former = name.loc["NP-2027:district:36"].query("name_kind == 'former'")["place_name"].tolist()
    assert "Kathmandu" in former


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: f.iloc[:0], "the list has no units"),
        (lambda f: f.assign(parent=f["parent"].where(f["code"] != "10105", "10105")), "not on a level above"),
        (lambda f: f.assign(parent=f["parent"].where(f["code"] != "10105", "10108")), "not on a level above"),
        (lambda f: f.assign(parent=f["parent"].where(f["code"] != "10105", "")), "a unit of no parent"),
        (
            lambda f: f.assign(name=f["name"].where(f["code"] != "10105", "x" * 10_000_000)),
            "no name of a place",
        ),
        (lambda f: pd.concat([f, f["name"]], axis=1), "column name is there twice"),
        (lambda f: f.drop(columns="parent"), "there is no column parent"),
        (lambda f: f.assign(code=f["code"].replace("10105", "")), "code is empty"),
        (
            lambda f: f.assign(code=f["code"].replace("10105", "10108")),
            "the code is used twice on its level: 10108",
        ),
        (lambda f: f.assign(parent=f["parent"].replace("73", "99")), "no such parent: 99"),
    ],
)
def test_a_list_that_does_not_hold_together(edit, message):
    with pytest.raises(StatloomError, match=message):
        release.read(edit(listed()), **COLUMNS)


def test_a_release_is_taken_in_as_a_new_vintage():
    def edit(frame):
        frame.loc["73", "parent"] = "3"
        frame.loc["10105", "code"] = "10199"
        more = {"level": "district", "code": "78", "name": "Newland", "parent": "3"}
        return pd.concat([frame.drop("50101"), pd.DataFrame([more])])

    read, changes = compared(listed(edit))
    names = {"scheme": "NP-LOCAL-2027", "vintage": "NP-2027", "valid_from": "2027-07-16"}
    seeds = release.take_in(places.load(), read, changes, **names, custodian="NSO", source="list of 2027")
    place = seeds["place"].set_index("place_id")
    assert place.at["NP-2027:local_unit:10199", "parent_id"] == "NP-2027:district:73"
    assert place.at["NP-2027:district:73", "parent_id"] == "NP-2027:province:3"
    assert place.at["NP-2017:district:73", "valid_to"] == "2027-07-16"
    assert place.at["NP-2027:local_unit:30608", "place_name_ne"] == "काठमाण्डौ"
    crosswalk = seeds["crosswalk"]
    new = crosswalk[crosswalk["to_place_id"].str.startswith("NP-2027")]
    links = new.set_index("from_place_id")["to_place_id"]
    back = crosswalk[crosswalk["from_place_id"] == "NP-2027:local_unit:10199"]
    assert back["to_place_id"].tolist() == ["NP-2017:local_unit:10105"]
    links = links[links.str.startswith("NP-2027")]
    assert links["NP-2017:local_unit:10105"] == "NP-2027:local_unit:10199"
    assert "NP-2017:local_unit:50101" not in links.index
    change = seeds["place_change"].set_index("from_place_id")["change_type"]
    assert change["NP-2017:local_unit:50101"] == "dissolved"
    current = seeds["place_vintage"].query("is_current == 'true'")["place_vintage"].tolist()
    assert current == ["NP-2027"]


def test_a_release_needs_a_scheme_and_a_vintage_of_its_own():
    read, changes = compared(listed())
    names = {"valid_from": "2027-07-16", "custodian": "NSO", "source": "list"}
    with pytest.raises(StatloomError, match="scheme 'NP-LOCAL-2017' exists already"):
        release.take_in(places.load(), read, changes, scheme="NP-LOCAL-2017", vintage="V", **names)
    with pytest.raises(StatloomError, match="vintage 'NP-2017' exists already"):
        release.take_in(places.load(), read, changes, scheme="S", vintage="NP-2017", **names)
