"""The synthetic household survey: the same bytes each time, its design, its labels."""

import numpy as np
import pandas as pd
import pytest

from demo.generate import household_survey, household_survey_layout
from demo.generate.population import areas


@pytest.fixture(scope="module")
def households(survey_files):
    return survey_files["households"][0]


@pytest.fixture(scope="module")
def persons(survey_files):
    return survey_files["persons"][0]


def test_the_committed_survey_is_what_the_generator_makes(tmp_path):
    again = tmp_path / "again" / household_survey.DELIVERY.name
    household_survey.main(["--into", str(again)])
    assert again.read_bytes() == household_survey.DELIVERY.read_bytes()
    other = tmp_path / "other.zip"
    household_survey.write(other, seed=1)
    assert other.read_bytes() != again.read_bytes()


def test_the_survey_says_that_it_is_synthetic(survey_files):
    assert household_survey.DELIVERY.name.startswith("synthetic_")
    for what, labels in (
        ("households", household_survey_layout.HOUSEHOLD),
        ("persons", household_survey_layout.PERSON),
    ):
        _, meta = survey_files[what]
        assert meta.file_label.startswith("SYNTHETIC: made by a generator, nobody was asked")
        assert meta.column_names_to_labels == labels
        for variable in household_survey_layout.labels().keys() & labels.keys():
            assert meta.variable_value_labels[variable] == household_survey_layout.labels()[variable]


def test_design(households):
    assert households["psu"].nunique() == 600 and households["stratum"].nunique() == 14
    assert households.groupby("psu")[["stratum", "weight", "local_unit"]].nunique().max().max() == 1
    assert households.groupby("psu").size().between(12, 20).all()
    assert households.groupby("stratum")["psu"].nunique().min() >= 16
    assert households["household_id"].is_unique
    assert 11_000 <= len(households) <= 12_000


def test_persons_are_those_of_the_households(households, persons):
    counted = persons.groupby("household_id").size()
    assert (counted == households.set_index("household_id")["household_size"][counted.index]).all()
    assert len(counted) == len(households) and not persons.duplicated(["household_id", "line"]).any()
    heads = persons[persons["line"] == 1].set_index("household_id")
    own = households.set_index("household_id")
    assert (heads["sex"] == own["head_sex"][heads.index]).all()
    known = own["head_literate"].notna()
    assert (heads["literate"][known] == own["head_literate"][known]).all()
    assert heads["literate"][~known].isna().all() and not known.all()


def test_weights_expand_to_the_households_and_persons_of_the_country(households):
    assert households["weight"].sum() == pytest.approx(6_711_749, rel=0.01)
    expanded = (households["weight"] * households["household_size"]).sum()
    assert expanded == pytest.approx(29_074_990, rel=0.015)


def test_areas_are_drawn_in_proportion_to_their_persons():
    """Over many seeds an area's share of draws is its probability."""
    from demo.generate.population.draws import Draws

    frame = areas.enumeration_areas(areas.local_units(), Draws(household_survey.SEED))
    frame = frame[frame["stratum"].isin([11, 12])]
    big = frame.index[np.argsort(frame["persons"])[-2000:]]
    share = []
    for seed in range(30):
        drawn = household_survey.draw_areas(frame, Draws(seed))
        assert len(drawn) == household_survey.AREAS and drawn.index.is_unique
        share.append(drawn.index.isin(big).mean())
    persons = frame["persons"]
    expected = 0
    for stratum, members in frame.groupby("stratum"):
        count = (drawn["stratum"] == stratum).sum()
        expected += count * persons[members.index.intersection(big)].sum() / members["persons"].sum()
    assert np.mean(share) == pytest.approx(expected / household_survey.AREAS, abs=0.01)


def test_shares_follow_the_census_of_their_places(households):
    frame = pd.read_csv(areas.FRAME, dtype={"local_unit": str}).set_index("local_unit")
    flush = households.assign(flush=households["toilet"] == 1).groupby("local_unit")["flush"].mean()
    assert np.corrcoef(flush, frame.loc[flush.index, "toilet_FLUSH_TOILET"])[0, 1] > 0.5
    without = np.average(households["toilet"] == 3, weights=households["weight"])
    assert 0.02 < without < np.average(frame["toilet_NO_TOILET"], weights=frame["population"]) / 2


def test_households_of_an_area_are_alike(households):
    """A sample of single households would have a design effect near 1; this one must not."""
    y, w = (households["cooking_fuel"] == 1).astype(float), households["weight"]
    p = np.average(y, weights=w)
    of_psu = ((y - p) * w).groupby([households["stratum"], households["psu"]]).sum()
    variance = sum(len(g) / (len(g) - 1) * ((g - g.mean()) ** 2).sum() for _, g in of_psu.groupby(level=0))
    assert variance / w.sum() ** 2 / (p * (1 - p) / len(households)) > 1.5


def test_identifiers_are_invented(households, persons):
    assert households["phone"].str.fullmatch("900[0-9]{7}").all()
    assert persons["name"].str.fullmatch("Nobody [0-9]+-[0-9]{2}").all() and persons["name"].is_unique
