import logging
import shutil
import unicodedata

import numpy as np
import pandas as pd
import pytest

from statloom import places, settings
from statloom.errors import StatloomError

SEEDS = settings.PROJECT / "dbt_project" / "seeds" / "places"
TODAY = {"scheme": "NP-LOCAL-2017", "date": "2021-11-11"}
CENSUS = {"scheme": "NP-CENSUS-2011", "date": "2011-06-22"}


def one(level="district", **reference):
    """Resolve one reference; parameters of ``resolve`` may be among the columns."""
    options = {
        key: reference.pop(key) for key in ("scheme", "date", "registry", "source") if key in reference
    }
    columns = {key: key for key in reference}
    frame = pd.DataFrame({key: [value] for key, value in reference.items()}, dtype="object")
    return places.resolve(frame, level=level, **{**TODAY, **options}, **columns).iloc[0]


def whys(result):
    return {(candidate["place_id"], candidate["why"]) for candidate in result["candidates"]}


@pytest.mark.parametrize(
    ("reference", "place_id", "method"),
    [
        ({"code": "73"}, "73", "exact_code"),
        ({"code": "01"}, "01", "exact_code"),
        ({"code": "1"}, "01", "normalised_code"),
        ({"code": 1.0}, "01", "normalised_code"),
        ({"code": "१२"}, "12", "exact_code"),
        ({"code": "36", "name": "Kathmandu"}, "36", "exact_code"),
        ({"code": "36", "name": "Katmandu"}, "36", "exact_code"),
        ({"code": "19", "name": "धनुषा"}, "19", "exact_code"),
        ({"name": "Taplejung"}, "73", "alias"),
        ({"name": "Terhathum"}, "74", "alias"),
        ({"name": "Kapilvastu"}, "34", "alias"),
        ({"name": "ताप्लेजुङ"}, "73", "alias"),
        ({"name": "Rukum (East)"}, "59", "alias"),
        ({"name": "KATHMANDU DISTRICT"}, "36", "normalised_name"),
        ({"name": "काठमाडौं जिल्ला"}, "36", "normalised_name"),
        ({"name": "East Nawalparasi"}, "47", "normalised_name"),
        ({"name": "Sankhuvasava"}, "62", "normalised_name"),
        ({"name": "Taplejng"}, "73", "fuzzy"),
        ({"name": "Okhaldunga"}, "49", "normalised_name"),
        ({"name": "Ramechap", "parent": "Bagmati"}, "55", "normalised_name"),
        ({"name": "Rolpaa", "parent": "प्रदेश नं. ५"}, "58", "normalised_name"),
    ],
)
def test_districts_of_today(reference, place_id, method):
    found = one(**reference)
    assert (found["place_id"], found["method"]) == (f"NP-2017:district:{place_id}", method)
    assert found["candidates"] == []


@pytest.mark.parametrize(
    "name",
    [
        "Karnali",  # a province
        "Karnali Province",
        "Rukum",  # split
        "Nawalparasi",
        "Nawalparasii",
        "Rukkum",
        "Kathmandu Metropolitan City",
        "Ankhop VDC",
        "Gorakhpur",
        "Lucknow",
        "Patna",
        "Sikkim",
        "Total",
        "Nepal",
        "District",
        "District 12",
        "12",
        "n/a",
        "-",
        "\u041aathmandu",  # Cyrillic first letter
        "Kathmandu काठमाडौं",
        "Kathmandu and Lalitpur",
        "Kathmandu-5",  # a ward
        "Kathmandu १२",
        "Multan",  # a city of Pakistan, one letter from Mustang
        "Champawat",
        "Nawalparsi",
        "रुकुम",
    ],
)
def test_names_that_are_no_district_of_today(name):
    found = one(name=name)
    assert found["place_id"] is None
    assert found["method"] == "unresolved"


def test_a_place_that_is_gone_resolves_to_its_successors_not_to_one():
    for reference in ({"name": "Rukum"}, {"code": "57", "scheme": "NP-CENSUS-2011"}):
        found = one(**reference)
        assert found["place_id"] is None
        assert {("NP-2017:district:59", "successor"), ("NP-2017:district:77", "successor")} <= whys(found)


def test_a_place_that_is_not_there_yet():
    found = one(name="Rukum East", date="2012-01-01", scheme="NP-CENSUS-2011")
    assert found["place_id"] is None
    assert ("NP-2011:district:57", "successor") in whys(found)


def test_the_same_name_on_another_date_is_another_place():
    assert one(name="Taplejung", date="2017-03-09")["place_id"] == "NP-2011:district:01"
    assert one(name="Taplejung", date="2017-03-10")["place_id"] == "NP-2017:district:73"


def test_a_code_means_nothing_without_its_scheme():
    assert one(code="01")["place_id"] == "NP-2017:district:01"  # Achham
    assert one(code="01", **CENSUS)["place_id"] == "NP-2011:district:01"  # Taplejung
    assert one(code="9", scheme="NP-CBS", date="2011-06-22")["place_id"] == "NP-2011:district:05"


def test_code_and_name_that_disagree():
    found = one(code="35", name="Kathmandu")
    assert (found["place_id"], found["method"]) == (None, "conflict")
    assert whys(found) == {("NP-2017:district:35", "code"), ("NP-2017:district:36", "name")}


@pytest.mark.parametrize("name", ["Gibberish", "Total", "Kaski Province", "12"])
def test_a_name_that_is_no_name_of_the_place_of_the_code(name):
    found = one(code="35", name=name)
    assert (found["place_id"], found["method"]) == (None, "conflict")


def test_code_and_parent_that_disagree():
    found = one("local_unit", code="31302", parent="Kaski")
    assert (found["place_id"], found["method"]) == (None, "conflict")
    assert one("local_unit", code="31302", parent="Chitwan")["method"] == "exact_code"
    assert one("local_unit", code="31302", parent="12")["method"] == "exact_code"


def test_a_code_of_another_level_is_not_taken():
    found = one(code="10105")
    assert found["place_id"] is None
    assert whys(found) == {("NP-2017:local_unit:10105", "code of level local_unit")}


def test_zeros_are_lost_by_spreadsheets_but_never_added():
    assert one("vdc", code="1", **CENSUS)["method"] == "exact_code"
    assert one("vdc", code="01", **CENSUS)["place_id"] is None


def test_lost_zeros_are_not_put_back_where_two_codes_would_fit(tmp_path):
    shutil.copytree(SEEDS, tmp_path / "p")
    path = tmp_path / "p" / "place_code.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    more = frame[(frame["place_scheme"] == "NP-LOCAL-2017") & (frame["place_code"] == "02")]
    pd.concat([frame, more.assign(place_code="001")]).to_csv(path, index=False)
    registry = places.load(tmp_path / "p")
    assert one(code="1", registry=registry)["place_id"] is None
    assert one(code="2", registry=registry)["place_id"] == "NP-2017:district:02"


def test_an_unknown_code_leaves_it_to_the_exact_name_only():
    assert one(code="99", name="Kathmandu")["place_id"] == "NP-2017:district:36"
    assert one(code="99", name="Kathmandoo x")["place_id"] is None


def test_names_within_their_parent():
    assert one("local_unit", name="Kalika", parent="Chitwan")["place_id"] == "NP-2017:local_unit:31302"
    assert one("local_unit", name="Kalika", parent="Rasuwa")["place_id"] == "NP-2017:local_unit:30304"
    without = one("local_unit", name="Kalika")
    assert without["place_id"] is None
    assert {
        ("NP-2017:local_unit:31302", "same name"),
        ("NP-2017:local_unit:30304", "same name"),
        ("NP-2017:local_unit:60509", "same name"),
    } <= whys(without)
    assert one("local_unit", name="Kalika", parent="Jhapa")["place_id"] is None


def test_a_parent_that_is_unknown_is_no_free_hand():
    assert one("local_unit", name="Sidingba")["place_id"] == "NP-2017:local_unit:10109"
    assert one("local_unit", name="Sidingba", parent="Atlantis")["place_id"] is None


def test_a_parent_that_was_split_stands_for_its_successors():
    assert one("local_unit", name="Sisne", parent="Rukum")["place_id"] == "NP-2017:local_unit:50102"


def test_the_kind_of_unit_decides_between_namesakes():
    registry = places.load()
    local = registry.places[
        (registry.places["place_level"] == "local_unit") & (registry.places["ends"] > 20000)
    ]
    counts = local.groupby("place_name")["place_type"].agg(["nunique", "size"])
    name = counts[(counts["nunique"] == 2) & (counts["size"] == 2)].index[0]
    two = local[local["place_name"] == name]
    assert one("local_unit", name=name)["place_id"] is None
    for place_id, kind in zip(two["place_id"], two["place_type"], strict=True):
        assert one("local_unit", name=f"{name} {kind}")["place_id"] == place_id


def test_levels_from_a_column_and_an_unknown_one_among_them():
    frame = pd.DataFrame(
        {
            "level": ["country", "province", "district", "local_unit", "ward", None],
            "code": ["NP", "3", "36", "30608", "1", "36"],
        }
    )
    found = places.resolve(frame, level="level", code="code", **TODAY)
    assert found["place_id"].tolist() == [
        "NP-2017:country:NP",
        "NP-2017:province:3",
        "NP-2017:district:36",
        "NP-2017:local_unit:30608",
        None,
        None,
    ]


def test_decomposed_letters_and_full_width_digits():
    assert one(name=unicodedata.normalize("NFD", "Tānahū"))["place_id"] == "NP-2017:district:72"
    assert one(code="３６")["place_id"] == "NP-2017:district:36"


def test_no_references_at_all():
    empty = places.resolve(pd.DataFrame({"n": []}), level="district", name="n", **TODAY)
    assert list(empty) == ["place_id", "method", "score", "margin", "candidates"]
    assert len(empty) == 0
    nothing = one(name=None, code="", parent=float("nan"))
    assert nothing["place_id"] is None
    assert nothing["candidates"] == []


def test_a_name_of_ten_megabytes():
    found = one(name="Kathmandu" * 1_200_000)
    assert found["place_id"] is None
    found = one(code="36" * 5_000_000, name="Kathmandu")
    assert found["method"] in ("alias", "unresolved")


def test_index_and_order_do_not_matter():
    rng = np.random.default_rng(5)
    registry = places.load()
    local = registry.places[registry.places["place_level"] == "local_unit"]
    names = local["place_name"].str.replace("a", "e", n=1)
    names = names.where(rng.random(len(names)) < 0.6, local["place_name"]).str.slice(0, 9)
    parents = local["parent_id"].str[-2:].where(rng.random(len(names)) < 0.7, "")
    frame = pd.DataFrame({"n": names.to_numpy(), "p": parents.to_numpy()})
    frame = pd.concat([frame, frame.sample(200, random_state=1)], ignore_index=True)
    frame.index = rng.permutation(len(frame)) * 3
    straight = places.resolve(frame, level="local_unit", name="n", parent="p", **TODAY)
    shuffled = places.resolve(
        frame.sample(frac=1, random_state=2), level="local_unit", name="n", parent="p", **TODAY
    )
    assert straight.index.equals(frame.index)
    assert straight["method"].nunique() >= 4
    pd.testing.assert_frame_equal(straight, shuffled.loc[frame.index])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "NP"}, "place scheme 'NP' is not in the registry"),
        ({"level": "ward"}, "'ward' is neither a level of the registry"),
        ({"date": "yesterday"}, "'yesterday' is not a date"),
        ({"name": "nme"}, "there is no column 'nme' for the name of places; there are n"),
    ],
)
def test_parameters_that_are_unknown(options, message):
    with pytest.raises(StatloomError, match=message):
        places.resolve(pd.DataFrame({"n": ["x"]}), **{**TODAY, "level": "district", "name": "n", **options})


@pytest.mark.parametrize(
    ("reference", "place_id", "method"),
    [
        ({"name": "Kathmandu (36)"}, "36", "exact_code"),
        ({"name": "Kaski", "code": pd.NA, "parent": pd.NaT}, "35", "alias"),
        ({"name": b"Kaski"}, "35", "alias"),
        ({"code": np.int64(36)}, "36", "exact_code"),
    ],
)
def test_what_is_not_plain_text(reference, place_id, method):
    found = one(**reference)
    assert (found["place_id"], found["method"]) == (f"NP-2017:district:{place_id}", method)


@pytest.mark.parametrize("code", [float("inf"), 1e300, "1.5", -36, True, ["36"], "36" + " " * 100 + "7"])
def test_codes_that_are_none(code):
    found = one(code=code)
    assert found["place_id"] is None


def test_a_name_in_a_mix_of_scripts_agrees_with_no_code():
    assert one(code="36", name="Katmandu")["method"] == "exact_code"
    assert one(code="36", name="K\u0430thmandu")["method"] == "conflict"


def test_the_kind_of_unit_written_together_with_the_name():
    assert one("local_unit", name="बाँसगढीनगरपालिका")["place_id"] == "NP-2017:local_unit:51201"
    assert one("local_unit", name="Siddhicharannagarpalika")["method"] == "normalised_name"
    assert one("local_unit", name="Sidingba R.M.")["place_id"] == "NP-2017:local_unit:10109"


def test_the_beginning_of_two_names_is_neither():
    registry = places.load()
    census = registry.places[registry.places["place_level"] == "vdc"]
    both = census[census["place_name"].str.startswith("Hanumannagar")]
    assert len(both) >= 2
    assert one("vdc", name="Hanumannag", parent="Siraha", **CENSUS)["place_id"] is None


def test_what_is_fuzzy_is_above_both_thresholds():
    from statloom.places import batch

    registry = places.load()
    local = registry.places[registry.places["place_level"] == "local_unit"]
    names, parents = (
        local["place_name"],
        local["parent_id"].map(registry.places.set_index("place_id")["place_name"]),
    )
    frame = pd.concat(
        [
            pd.DataFrame({"n": names.str.replace("a", "", n=1), "p": parents}),
            pd.DataFrame({"n": names, "p": parents.str.replace("a", "o", n=2)}),
            pd.DataFrame({"n": names.str.split().str[0], "p": parents}),
        ]
    )
    found = places.resolve(frame, level="local_unit", name="n", parent="p", **TODAY)
    fuzzy = found[found["method"] == "fuzzy"]
    assert len(fuzzy) > 100
    assert fuzzy["score"].min() >= batch.LEAST_SCORE
    assert fuzzy["margin"].min() >= batch.LEAST_MARGIN


def test_dates_from_a_column():
    frame = pd.DataFrame({"n": ["Taplejung", "Taplejung", "Rukum"], "d": ["2011-06-22", "2021-11-11", None]})
    options = {"scheme": "NP-LOCAL-2017", "level": "district", "name": "n"}
    found = places.resolve(frame, date="d", **options)
    assert found["place_id"].tolist() == ["NP-2011:district:01", "NP-2017:district:73", None]
    with pytest.raises(StatloomError, match="column 'd', row 2 of the references: 'soon' is not a date"):
        places.resolve(frame.assign(d=["2011-06-22", "soon", None]), date="d", **options)


@pytest.mark.parametrize("date", ["2021-11-11x", pd.NaT, 2021, "", "11/11/2021"])
def test_dates_that_are_none(date):
    with pytest.raises(StatloomError, match="is not a date"):
        one(name="Kaski", date=date)


def test_columns_that_do_not_fit():
    frame = pd.DataFrame([["Kaski", "x"]], columns=["n", "n"])
    with pytest.raises(StatloomError, match="the column 'n' for the name of places is there twice"):
        places.resolve(frame, level="district", name="n", **TODAY)
    other = pd.Series(["Kaski"], index=[9])
    with pytest.raises(StatloomError, match="the name of places is a Series with another index"):
        places.resolve(pd.DataFrame({"n": ["x"]}), level="district", name=other, **TODAY)


def test_numbers_and_texts_that_are_equal_are_kept_apart():
    frame = pd.DataFrame({"c": pd.Series([True, 1, 1.0, "1", 36.0, None], dtype="object")})
    found = places.resolve(frame, level="district", code="c", **TODAY)["place_id"].tolist()
    first = "NP-2017:district:01"
    assert found == [None, first, first, first, "NP-2017:district:36", None]


@pytest.fixture
def decided(tmp_path):
    """A registry with decisions, and their rows as ``decide`` adds them."""
    shutil.copytree(SEEDS, tmp_path / "p")

    def decide(**row):
        path = tmp_path / "p" / "place_decision.csv"
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)[:0]
        basis = {
            "place_scheme": "NP-LOCAL-2017",
            "place_level": "district",
            "decided_by": "A. Person",
            "decided_on": "2026-01-01",
            "reason": "known",
        }
        pd.concat([frame, pd.DataFrame([{**basis, **row}])]).fillna("").to_csv(path, index=False)
        return places.load(tmp_path / "p")

    return decide


def test_decisions_come_before_anything_else(decided):
    registry = decided(place_name="Kathmandu", place_id="NP-2017:district:01", expect="Achham")
    found = one(name="Kathmandu", registry=registry)
    assert (found["place_id"], found["method"]) == ("NP-2017:district:01", "decision")
    assert one(name="Kathmandu", parent="Bagmati", registry=registry)["method"] == "alias"


def test_a_decision_that_it_is_no_place(decided):
    registry = decided(place_name="Kathmandu", place_id="")
    found = one(name="Kathmandu", registry=registry)
    assert (found["place_id"], found["method"]) == (None, "decision")


def test_a_decision_that_it_is_no_place_holds_while_nothing_resolves_it(decided, caplog):
    registry = decided(place_name="Ktm", place_id="", expect="unresolved")
    assert one(name="Ktm", registry=registry)["method"] == "decision"
    registry = decided(place_name="Kathmandu", place_id="", expect="unresolved")
    with caplog.at_level(logging.WARNING):
        found = one(name="Kathmandu", registry=registry)
    assert (found["place_id"], found["method"]) == ("NP-2017:district:36", "alias")
    assert "row 2 no longer applies: the reference resolves to NP-2017:district:36 (alias)" in caplog.text


def test_decisions_of_one_source(decided):
    registry = decided(source_id="mine", place_name="Ktm", place_id="NP-2017:district:36", expect="Kathmandu")
    assert one(name="Ktm", registry=registry, source="mine")["method"] == "decision"
    assert one(name="Ktm", registry=registry, source="other")["place_id"] is None
    assert one(name="Ktm", registry=registry)["place_id"] is None


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"place_id": "NP-2017:district:36", "expect": "Kaski"}, "the place is called Kathmandu, not Kaski"),
        ({"place_id": "NP-2017:district:99", "expect": "X"}, "the place is not in the registry"),
        ({"place_id": "NP-2011:district:27", "expect": "Kathmandu"}, "is no district on that date"),
    ],
)
def test_decisions_that_no_longer_apply_are_reported_not_obeyed(decided, caplog, row, problem):
    registry = decided(place_name="Ktm", **row)
    with caplog.at_level(logging.WARNING):
        found = one(name="Ktm", registry=registry)
    assert found["method"] == "unresolved"
    assert "place_decision.csv, row 2 no longer applies" in caplog.text
    assert problem in caplog.text
