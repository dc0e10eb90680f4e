"""The synthetic population: published totals to the person, any part alone, true values as committed."""

import numpy as np
import pandas as pd
import pytest

from demo.generate.population import SEED, areas, truth
from demo.generate.population.draws import Draws
from demo.generate.population.households import households
from demo.generate.population.persons import disabled, persons


@pytest.fixture(scope="module")
def units():
    return areas.local_units()


@pytest.fixture(scope="module")
def frame(units):
    return areas.enumeration_areas(units, Draws(SEED))


@pytest.fixture(scope="module")
def district(frame):
    """Households and persons of one small district, made without the rest of the country."""
    here = frame[frame["district"] == "42"]
    homes = households(here, *areas.household_sizes(here, Draws(SEED)), Draws(SEED))
    return homes, persons(homes, Draws(SEED))


def test_draws_are_uniform_and_depend_on_seed_topic_and_unit_alone():
    unit = np.arange(100_000, dtype=np.uint64)
    drawn = Draws(1).uniform("a", unit)
    assert (drawn > 0).all() and (drawn < 1).all()
    assert np.histogram(drawn, 20, (0, 1))[0] == pytest.approx(np.full(20, 5000), abs=300)
    assert (Draws(1).uniform("a", unit[::7]) == drawn[::7]).all()
    for other in (Draws(1).uniform("b", unit), Draws(2).uniform("a", unit), np.roll(drawn, 1)):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.02


def test_every_local_unit_has_its_published_population(units, frame):
    published = units.set_index("local_unit")["population"]
    assert (frame.groupby("local_unit")["persons"].sum() == published).all()
    assert frame["persons"].sum() == 29_074_990
    assert (frame.groupby("local_unit")["ward"].nunique() == units.set_index("local_unit")["wards"]).all()
    assert frame["households"].min() >= 1 and frame["households"].median() == pytest.approx(180, abs=10)


def test_the_whole_adds_up_for_any_part_of_the_country(frame):
    here = frame[frame["province"] == 6].iloc[100:180]
    area, _, size = areas.household_sizes(here, Draws(SEED))
    by_area = pd.Series(size).groupby(area).agg(["size", "sum"])
    assert (by_area["size"] == here["households"]).all() and (by_area["sum"] == here["persons"]).all()
    assert size.min() == 1
    again = areas.household_sizes(here.iloc[20:21], Draws(SEED))
    assert (again[2] == size[area == here.index[20]]).all()


def test_households_and_persons_fit_together(district):
    homes, people = district
    assert (people.groupby("household").size().to_numpy() == homes["size"]).all()
    heads = people[people["line"] == 1]
    assert (heads["relationship"] == 1).all() and (people["relationship"] == 1).sum() == len(homes)
    assert (heads["age"].to_numpy() == homes["head_age"]).all()
    assert (heads["sex"].to_numpy() == homes["head_sex"]).all()
    spouses = people[people["relationship"] == 2]
    assert (spouses["sex"].to_numpy() == 3 - homes["head_sex"].to_numpy()[spouses["household"]]).all()
    children = people[people["relationship"] == 3]
    assert (homes["head_age"].to_numpy()[children["household"]] - children["age"] >= 8).all()


def test_questions_are_asked_at_their_ages_alone(district):
    _, people = district
    for column, age, blank in (
        ("literate", 5, 0),
        ("school", 5, 0),
        ("work", 15, 0),
        ("telephone", 10, 0),
        ("education", 5, -1),
    ):
        assert ((people[column] == blank) == (people["age"] < age)).all(), column
    assert ((people["sector"] > 0) == (people["work"] == 1)).all()
    attends = people[people["school"] == 1]
    assert attends["age"].between(5, 25).all()
    assert (attends.loc[attends["age"] >= 7, "literate"] == 1).all()


def test_age_and_wealth_matter(district):
    homes, people = district
    old = people["age"] >= 70
    assert disabled(people)[old].mean() > 4 * disabled(people)[~old].mean()
    rich = homes["wealth"] > homes["wealth"].median()
    assert homes.loc[rich, "consumption"].median() > 1.4 * homes.loc[~rich, "consumption"].median()


def test_committed_true_values_are_those_of_the_population(district):
    """One district made again; the file as a whole takes a minute (see `truth`)."""
    committed = pd.read_csv(truth.FOLDER / "truth.csv").set_index(truth.CELL)
    again = truth.cells(*district)
    again = again.reset_index().astype(int).set_index(truth.CELL)
    assert len(again) >= 2
    pd.testing.assert_frame_equal(committed.loc[again.index], again)
    assert committed["toilet_none_of"].sum() == 6_711_749
    assert committed["household_size"].sum() == 29_074_990


def test_inequality_of_a_population_worked_out_by_hand():
    persons_by_rupees = np.bincount([10, 20, 30, 40, 100], minlength=200)
    found = truth.inequality(persons_by_rupees)
    assert found["poverty_threshold"] == 18
    assert found["poverty_rate"] == pytest.approx(1 / 5)
    assert found["gini"] == pytest.approx(0.4)
    assert found["quintile_share_ratio"] == pytest.approx(100 / 10)
