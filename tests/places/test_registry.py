import shutil
import time

import numpy as np
import pandas as pd
import pytest

from statloom import places, settings
from statloom.places import gates, registry

SEEDS = settings.PROJECT / "dbt_project" / "seeds" / "places"


@pytest.fixture
def folder(tmp_path):
    """A copy of the seeds, to be broken."""
    shutil.copytree(SEEDS, tmp_path / "places")
    return tmp_path / "places"


def change(folder, seed, edit):
    """Rewrite a seed by ``edit`` (frame of text → frame)."""
    path = folder / f"{seed}.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    edit(frame).to_csv(path, index=False)


def cell(row, column, value):
    def edit(frame):
        frame.loc[row, column] = value
        return frame

    return edit


def row_of(seeds, seed, **wanted):
    frame = seeds[seed]
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    return frame.index[0]


@pytest.fixture(scope="module")
def good_seeds():
    return registry.read(SEEDS)


@pytest.fixture
def seeds(good_seeds):
    """The seeds as frames, to be broken."""
    return {name: frame.copy() for name, frame in good_seeds.items()}


def refusal(seeds):
    """The faults of the seeds, as text."""
    found = gates.faults(seeds)
    return "\n".join(f"{fault.seed}.csv, row {fault.row}: {fault.reason}" for fault in found.itertuples())


def test_the_seeds_of_nepal_hold_together():
    loaded = places.load()
    counts = loaded.places.groupby(["place_vintage", "place_level"]).size()
    assert counts["NP-2011", "district"] == 75
    assert counts["NP-2011", "vdc"] == 3982
    assert counts["NP-2017", "province"] == 7
    assert counts["NP-2017", "district"] == 77
    local = loaded.places[loaded.places["place_level"] == "local_unit"]
    assert (local["is_statistical"] == "True").sum() == 753


def test_it_is_read_once_and_again_when_a_seed_changes(folder):
    first = places.load(folder)
    assert places.load(folder) is first
    change(folder, "place", cell(0, "place_name", "Nepaal"))
    second = places.load(folder)
    assert second is not first
    assert second.fingerprint != first.fingerprint


def test_weights_that_do_not_sum_to_one(seeds):
    row = row_of(seeds, "crosswalk", basis="households")
    seeds["crosswalk"].loc[row, "weight"] = "0.9"
    message = refusal(seeds)
    place = seeds["crosswalk"].loc[row, "from_place_id"]
    assert "crosswalk.csv, row" in message
    assert f"the weights of {place} by households sum to" in message


@pytest.mark.parametrize("weight", ["0", "-0.2", "1.2", "much", ""])
def test_weights_that_are_none(seeds, weight):
    seeds["crosswalk"].loc[3, "weight"] = weight
    assert f"crosswalk.csv, row 5: weight '{weight}' is not above 0 and at most 1" in refusal(seeds)


def test_a_weight_within_the_tolerance_is_no_fault(seeds):
    row = row_of(seeds, "crosswalk", quality="exact")
    seeds["crosswalk"].loc[row, "weight"] = "0.9999995"
    assert refusal(seeds) == ""


@pytest.mark.parametrize("error", ["-0.1", "", "none", "inf"])
def test_standard_errors_of_weights_that_are_none(seeds, error):
    row = row_of(seeds, "crosswalk", basis="population")
    seeds["crosswalk"].loc[row, "weight_se"] = error
    assert f"crosswalk.csv, row {row + 2}: weight_se '{error}' is not a number from 0 on" in refusal(seeds)


def test_a_link_between_places_of_one_vintage(seeds):
    row = row_of(seeds, "crosswalk", from_place_id="NP-2011:country:NP")
    seeds["crosswalk"].loc[row, "to_place_id"] = "NP-2011:district:01"
    assert f"row {row + 2}: a link between two places of one vintage, NP-2011" in refusal(seeds)


@pytest.mark.parametrize("basis", gates.BASES)
def test_a_divided_place_without_weights_by_a_basis(seeds, basis):
    rows = seeds["crosswalk"]
    place = rows.loc[row_of(seeds, "crosswalk", basis=basis), "from_place_id"]
    seeds["crosswalk"] = rows[(rows["from_place_id"] != place) | (rows["basis"] != basis)].reset_index(
        drop=True
    )
    row = row_of(seeds, "crosswalk", from_place_id=place)
    assert (
        refusal(seeds) == f"crosswalk.csv, row {row + 2}: {place} is divided, and has no weights by {basis}"
    )


def test_a_place_that_goes_whole_to_two(seeds):
    row = row_of(seeds, "crosswalk", from_place_id="NP-2011:vdc:1642")
    more = seeds["crosswalk"].loc[[row]].assign(to_place_id="NP-2017:local_unit:10105")
    seeds["crosswalk"] = pd.concat([seeds["crosswalk"], more], ignore_index=True)
    message = refusal(seeds)
    assert f"row {row + 2}: NP-2011:vdc:1642 goes whole to " in message
    assert f"row {row + 2}: the weights of NP-2011:vdc:1642 by whole sum to 2.0, not 1" in message


@pytest.mark.parametrize(
    ("column", "reason"),
    [("basis", "is not a basis of weights"), ("quality", "is not a quality of weights")],
)
def test_words_that_a_crosswalk_does_not_know(seeds, column, reason):
    seeds["crosswalk"].loc[7, column] = "guess"
    assert f"crosswalk.csv, row 9: {column} guess {reason}" in refusal(seeds)


def test_a_link_that_is_there_twice(seeds):
    row = row_of(seeds, "crosswalk", basis="area")
    seeds["crosswalk"] = pd.concat([seeds["crosswalk"], seeds["crosswalk"].loc[[row]]], ignore_index=True)
    assert f"row {len(seeds['crosswalk']) + 1}: the link is there twice" in refusal(seeds)


def test_a_cycle(seeds):
    row = row_of(seeds, "place", place_id="NP-2017:province:1")
    seeds["place"].loc[row, "parent_id"] = "NP-2017:local_unit:10105"
    message = refusal(seeds)
    assert f"place.csv, row {row + 2}: a cycle" in message


def test_a_place_that_is_its_own_parent(seeds):
    row = row_of(seeds, "place", place_id="NP-2017:district:01")
    seeds["place"].loc[row, "parent_id"] = "NP-2017:district:01"
    assert f"place.csv, row {row + 2}: a cycle" in refusal(seeds)


@pytest.mark.parametrize(
    ("parent", "reason"),
    [
        ("", "an orphan: it has no parent"),
        ("NP-2017:province:9", "the parent NP-2017:province:9 is not a place"),
        ("NP-2011:country:NP", "the parent NP-2011:country:NP is of another vintage"),
    ],
)
def test_orphans(seeds, parent, reason):
    row = row_of(seeds, "place", place_id="NP-2017:district:01")
    seeds["place"].loc[row, "parent_id"] = parent
    assert f"place.csv, row {row + 2}: {reason}" in refusal(seeds)


def test_a_code_used_twice(seeds):
    codes = seeds["place_code"]
    more = codes.iloc[[5]].assign(place_id=codes["place_id"][9])
    seeds["place_code"] = pd.concat([codes, more], ignore_index=True)
    assert f"place_code.csv, row {len(codes) + 2}: code {codes['place_code'][5]} is used twice" in refusal(
        seeds
    )


def test_a_code_without_its_scheme(seeds):
    seeds["place_code"].loc[0, "place_scheme"] = ""
    assert "place_code.csv, row 2: place_scheme is empty" in refusal(seeds)


def test_a_code_of_an_unknown_scheme_place_or_level(seeds):
    seeds["place_code"].loc[0, "place_scheme"] = "XX"
    seeds["place_code"].loc[1, "place_id"] = "NP-2017:district:99"
    seeds["place_code"].loc[2, "place_level"] = "province"
    message = refusal(seeds)
    assert "row 2: place_scheme XX is not a scheme" in message
    assert "row 3: place_id NP-2017:district:99 is not a place" in message
    assert "is of another level than the code" in message


def test_vintages_that_overlap(seeds):
    seeds["place_vintage"].loc[0, "valid_to"] = "2018-01-01"
    assert "place_vintage.csv, row 3: the vintage begins before NP-2011 has ended" in refusal(seeds)


def test_a_successor_that_begins_before_its_predecessor_has_ended(seeds):
    row = row_of(seeds, "place", place_id="NP-2011:vdc:1642")
    seeds["place"].loc[row, "valid_to"] = "2017-03-10"
    assert refusal(seeds) == ""
    seeds["place_vintage"].loc[0, "valid_to"] = ""
    seeds["place"]["valid_to"] = ""
    assert "they overlap in time" in refusal(seeds)


def test_a_place_used_twice_and_an_id_of_another_row(seeds):
    seeds["place"].loc[3, "place_id"] = "NP-2011:district:01"
    seeds["place"].loc[4, "place_id"] = "NP-2011:vdc:04"
    message = refusal(seeds)
    assert "place.csv, row 5: place_id NP-2011:district:01 is used twice" in message
    assert "place.csv, row 6: place_id NP-2011:vdc:04 is not <vintage>:<level>:<code>" in message


def test_a_date_that_is_none(seeds):
    seeds["place"].loc[4, "valid_from"] = "10 March 2017"
    assert "place.csv, row 6: valid_from '10 March 2017' is not a date YYYY-MM-DD" in refusal(seeds)


def test_a_missing_seed_or_column(folder):
    change(folder, "place_name", lambda frame: frame.drop(columns="script"))
    with pytest.raises(places.RegistryError, match=r"place_name.csv, row 1: column script is missing"):
        places.load(folder)
    (folder / "place_name.csv").unlink()
    with pytest.raises(places.RegistryError, match=r"place_name.csv: the seed is missing"):
        places.load(folder)


def test_a_row_with_a_field_too_many(folder):
    with (folder / "place.csv").open("a") as file:
        file.write("a,b,c\n")
    with pytest.raises(places.RegistryError, match=r"place.csv: cannot be read"):
        places.load(folder)


@pytest.mark.parametrize(
    ("seed", "column", "value", "reason"),
    [
        ("place", "valid_from", "2000-12-31", "valid_from and valid_to are not within those of NP-2011"),
        ("place_name", "language", "Nepali", "language 'Nepali' is not an ISO 639 code"),
        ("place_name", "script", "deva", "script 'deva' is not an ISO 15924 code"),
        ("place_change", "from_place_id", "NP-2011:district:01", "the place was created"),
    ],
)
def test_what_does_not_fit_its_row(seeds, seed, column, value, reason):
    seeds[seed].loc[0, column] = value
    message = refusal(seeds)
    assert f"{seed}.csv, row 2: " in message
    assert reason in message


def test_descent_goes_forward_in_time():
    links = places.load().descent
    assert not links.duplicated().any()
    begins = places.load().places["begins"].to_numpy()
    assert (begins[links["before"]] <= begins[links["after"]]).all()


def test_many_faults_are_counted_not_all_listed(folder):
    change(folder, "place_name", lambda frame: frame.assign(name_kind="pet"))
    with pytest.raises(places.RegistryError) as caught:
        places.load(folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[1] == "  place_name.csv, row 2: name_kind pet is not official, alias or former"
    assert lines[-1].strip().startswith("and 7,")


def test_crosswalk_of_the_census():
    """Every unit that the census tables have goes to local units of its own district's successors, whole."""
    loaded = places.load()
    crosswalk = loaded.seeds["crosswalk"].assign(weight=lambda t: t["weight"].astype(float))
    crosswalk = crosswalk[crosswalk["from_place_id"].str.startswith("NP-2011:")]
    vdc = crosswalk[crosswalk["from_place_id"].str.contains(":vdc:")]
    assert vdc["from_place_id"].nunique() == 3982 - 14
    parent = loaded.places.set_index("place_id")["parent_id"]
    district = crosswalk[crosswalk["from_place_id"].str.contains(":district:")]
    allowed = set(zip(district["from_place_id"], district["to_place_id"], strict=True))
    pairs = set(zip(vdc["from_place_id"].map(parent), vdc["to_place_id"].map(parent), strict=True))
    assert pairs <= allowed
    whole = crosswalk["basis"] == "whole"
    assert crosswalk.loc[whole, "quality"].isin(["exact", "decision"]).all()
    assert not crosswalk.loc[~whole, "quality"].isin(["exact", "decision"]).any()
    assert district["from_place_id"].nunique() == 75
    assert set(district["to_place_id"]) == set(
        loaded.places[loaded.places["place_vintage"] == "NP-2017"].query("place_level == 'district'")[
            "place_id"
        ]
    )


def test_a_decision_that_no_longer_applies_is_reported(folder):
    decision = {
        "source_id": "s",
        "place_scheme": "NP-LOCAL-2017",
        "place_level": "district",
        "place_name": "Katmandu",
        "decided_by": "A. Person",
        "decided_on": "2026-01-01",
        "reason": "spelling",
    }
    rows = [
        {**decision, "place_id": "NP-2017:district:36", "expect": "Kathmandu"},
        {**decision, "place_name": "X", "place_id": "NP-2017:district:36", "expect": "Kaski"},
        {**decision, "place_name": "Y", "place_id": "NP-2017:district:99", "expect": "Kaski"},
    ]
    change(folder, "place_decision", lambda frame: pd.concat([frame[:0], pd.DataFrame(rows)]).fillna(""))
    stale = places.load(folder).stale_decisions()
    assert stale["row"].tolist() == [3, 4]
    assert stale["problem"].tolist() == [
        "the place is called Kathmandu, not Kaski",
        "the place is not in the registry",
    ]


def test_a_gazetteer_of_75_000_places_loads_in_two_seconds(folder):
    count = 75_000
    number = np.arange(count)
    rng = np.random.default_rng(1)
    syllables = np.array(["ka", "li", "ma", "ro", "su", "ban", "tha", "pur", "gau", "ri", "de", "vi"])
    names = ["".join(part).title() for part in syllables[rng.integers(0, 12, (count, 4))]]
    top = pd.DataFrame({"place_id": [f"V:district:{i}" for i in range(750)], "place_level": "district"})
    top = top.assign(place_name=[f"D {i}" for i in range(750)], parent_id="V:country:0")
    low = pd.DataFrame({"place_id": [f"V:village:{i}" for i in number], "place_level": "village"})
    low = low.assign(place_name=names, parent_id=[f"V:district:{i // 100}" for i in number])
    root = pd.DataFrame(
        [{"place_id": "V:country:0", "place_level": "country", "place_name": "C", "parent_id": ""}]
    )
    frame = pd.concat([root, top, low], ignore_index=True).assign(
        place_vintage="V",
        place_name_ne="",
        place_type="",
        valid_from="2001-01-01",
        valid_to="",
        is_statistical="true",
    )
    change(folder, "place", lambda _: frame)
    codes = frame.assign(place_scheme="S", place_code=frame["place_id"], place_code_name=frame["place_name"])
    change(folder, "place_code", lambda old: codes[list(old)])
    change(folder, "place_scheme", lambda old: old.iloc[:1].assign(place_scheme="S", valid_to=""))
    change(
        folder,
        "place_vintage",
        lambda old: old.iloc[:1].assign(place_vintage="V", valid_to="", is_current="True"),
    )
    for seed in ("place_name", "place_change", "crosswalk"):
        change(folder, seed, lambda old: old.iloc[:0])
    begin = time.process_time()
    loaded = registry.load(folder)
    view = loaded.view("village", registry.day_number("2020-01-01"))
    assert len(view.names) == count
    assert view.look_up("key", False).keys.size > count
    assert time.process_time() - begin < 2
