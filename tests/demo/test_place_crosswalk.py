"""The crosswalk is made from the repository alone, and meets what was published for today's units."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import places_crosswalk
from demo.generate import place_crosswalk, place_overlay, place_raking

SEEDS = places_crosswalk.SEEDS


@pytest.fixture(scope="module")
def seed():
    return pd.read_csv(SEEDS / "crosswalk.csv", dtype=str, keep_default_na=False)


def test_the_seed_is_what_the_generator_makes(seed):
    made = place_crosswalk.crosswalk(*place_crosswalk.read_places(SEEDS))
    pd.testing.assert_frame_equal(made, seed, check_dtype=False)


def test_weights_add_up_to_one_in_the_last_digit(seed):
    billionths = seed["weight"].str.replace(".", "").astype(int)
    target = seed["to_place_id"].str.partition(":")[0]
    assert (billionths.groupby([seed["from_place_id"], target, seed["basis"]]).sum() == 10**9).all()


def test_every_place_leads_to_the_other_vintage(seed):
    """But protected areas, and provinces, which 2011 did not have."""
    places, _ = place_crosswalk.read_places(SEEDS)
    places = places[(places["is_statistical"] == "True") & (places["place_level"] != "province")]
    assert set(places["place_id"]) - set(seed["from_place_id"]) == set()


@pytest.fixture(scope="module")
def figures():
    return places_crosswalk.village_figures(), places_crosswalk.unit_figures()


def test_published_figures_add_up_to_those_of_the_districts(figures):
    """A slip in one figure would show: of 75 districts, those four differ whose tables lack villages."""
    villages, units = figures
    places, successors = place_crosswalk.read_places(SEEDS)
    parent = places.set_index("place_id")["parent_id"]
    old = successors.set_index("new")["old"]
    of_unit = ("NP-2017:local_unit:" + units.index.to_series()).map(parent).map(old)
    of_village = ("NP-2011:vdc:" + villages.index.to_series()).map(parent)
    pairs = {
        "households": "households",
        "owned": "owned",
        "rented": "rented",
        "others": "others",
        "institutional": "institutional",
        "male": "male",
        "female": "female",
    }
    short = {f"NP-2011:district:{code}" for code in ("22", "24", "30", "32")}
    for published, table in pairs.items():
        difference = units[published].groupby(of_unit).sum() - villages[table].groupby(of_village).sum()
        assert set(difference[difference != 0].index) <= short, published
        assert (difference >= 0).all()
    assert len(units) == 753
    assert units["households"].sum() == 5_423_297


@pytest.mark.parametrize(("basis", "figure"), [("population", "households"), ("households", "population")])
def test_error_of_figures_that_were_held_out(seed, figures, basis, figure):
    villages, units = figures
    links = places_crosswalk.weights(seed, basis)
    error = places_crosswalk.relative(links, villages[figure], units[figure])
    assert len(error) == 753
    divided = set(links.loc[links["is_divided"], "unit"])
    apportioned = error[error.index.isin(divided)]
    assert len(apportioned) > 200
    assert apportioned.median() < 0.0025
    assert apportioned.quantile(0.9) < 0.03
    assert error.quantile(0.9) < 0.01


def test_units_of_whole_villages_have_what_was_published(seed, figures):
    villages, units = figures
    links = places_crosswalk.weights(seed, "area")
    whole = ~links["unit"].isin(links.loc[links["is_divided"], "unit"])
    for figure in ("households", "owned", "male"):
        error = places_crosswalk.relative(links[whole], villages[figure], units[figure])
        assert set(error[error > 1e-9].index) == set(places_crosswalk.OTHER_LIMITS)


def test_raking_meets_the_totals_and_keeps_the_villages_whole():
    links = pd.DataFrame(
        [("a", "x", 0.5), ("a", "y", 0.5), ("b", "y", 0.3), ("b", "z", 0.7), ("c", "z", 1.0)],
        columns=["vdc", "unit", "share"],
    )
    villages = pd.Series({"a": 100, "b": 200, "c": 50})
    units = pd.Series({"x": 80, "y": 60, "z": 210})
    weight = place_raking.raked(links, villages, units)
    assert weight.tolist() == pytest.approx([0.8, 0.2, 0.2, 0.8, 1.0])


def test_raking_does_not_bend_weights_for_a_village_that_no_table_has():
    links = pd.DataFrame(
        [("a", "x", 0.5), ("a", "y", 0.5), ("b", "x", 0.5), ("b", "y", 0.5)], columns=["vdc", "unit", "share"]
    )
    villages = pd.Series({"a": 100, "b": 100})
    weight = place_raking.raked(links, villages, pd.Series({"x": 100, "y": 400}))
    assert weight.tolist() == pytest.approx([0.5, 0.5, 0.5, 0.5])
    weight = place_raking.raked(links, villages, pd.Series({"x": 60, "y": 400}))
    assert weight.tolist() == pytest.approx([0.3, 0.7, 0.3, 0.7], abs=1e-3)


def test_raking_keeps_the_shares_of_a_village_without_a_count():
    links = pd.DataFrame(
        [("a", "x", 0.25), ("a", "y", 0.75), ("b", "x", 1.0)], columns=["vdc", "unit", "share"]
    )
    weight = place_raking.raked(links, pd.Series({"b": 10}), pd.Series({"x": 10, "y": 0}))
    assert weight.tolist() == [0.25, 0.75, 1]


def test_raking_leaves_alone_what_is_not_divided():
    links = pd.DataFrame([("a", "x", 1.0), ("b", "x", 1.0)], columns=["vdc", "unit", "share"])
    assert place_raking.raked(links, pd.Series({"a": 1, "b": 2}), pd.Series({"x": 30})).tolist() == [1, 1]


def test_all_corrections_of_the_overlay_apply():
    corrections, stale = place_overlay.checked_corrections(place_overlay.read())
    assert stale == []
    assert len(corrections) == 57


def test_a_correction_of_what_was_mended_is_reported_and_not_applied():
    overlay = place_overlay.read()
    overlay.loc[overlay["vdc"] == "3162", "unit"] = "41103"  # Tara lies in Tara Khola
    overlay.loc[(overlay["vdc"] == "2832") & (overlay["unit"] == "60506"), "area_share"] = 0.15
    corrections, stale = place_overlay.checked_corrections(overlay)
    assert len(corrections) == 55
    assert not corrections["code"].isin(["3162", "2832"]).any()
    given = pd.read_csv(place_overlay.HERE / "overlay_correction.csv", dtype=str)
    rows = np.flatnonzero(given["code"].isin(["3162", "2832"])) + 2
    assert stale == [
        f"overlay_correction.csv, row {rows[0]}: the overlay no longer has 41107 for village 3162; "
        "not applied",
        f"overlay_correction.csv, row {rows[1]}: the overlay no longer has "
        f"{given.loc[rows[1] - 2, 'expect']} for sliver 2832; not applied",
    ]


def test_areas_of_villages_add_up_to_those_of_the_units():
    links = pd.DataFrame(
        [("a", "x", 1.0), ("b", "x", 0.5), ("b", "y", 0.5)], columns=["vdc", "unit", "share"]
    )
    areas = place_crosswalk.village_areas(links, pd.Series({"x": 30.0, "y": 10.0}))
    assert areas["a"] + areas["b"] / 2 == pytest.approx(30, rel=1e-3)
    assert areas["b"] / 2 == pytest.approx(10, rel=1e-3)
