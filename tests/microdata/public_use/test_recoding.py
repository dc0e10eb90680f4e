"""Recoding: bands, groups, limits, rounding; what is in no list of the contract does not go out."""

import numpy as np
import pyarrow as pa
import pytest

from statloom.contracts.model import Column
from statloom.contracts.public_use import Recoding
from statloom.microdata.public_use.errors import PublicUseError
from statloom.microdata.public_use.recoding import allowed, recode

AGE = Column("age", "measure", "integer")
RENT = Column("rent", "measure", "number")
ROOF = Column("roof", "dimension", categories=("Tin", "Tile", "Straw", "Other"))


def values(variable) -> list:
    return variable.arrow().to_pylist()


def test_bands_of_whole_numbers():
    ages = pa.array([0, 4, 5, 17, 69, 70, 98, None])
    found = recode(ages, AGE, Recoding(width=5, top=70))
    assert values(found) == ["0-4", "0-4", "5-9", "15-19", "65-69", "70+", "70+", None]
    # In their order, not that of the alphabet.
    assert found.categories == ("0-4", "5-9", "15-19", "65-69", "70+")
    found = recode(ages, AGE, Recoding(width=10, start=15, bottom=15, top=60, missing="Not stated"))
    assert values(found) == ["under 15", "under 15", "under 15", "15-24", "60+", "60+", "60+", "Not stated"]


def test_bands_of_other_numbers():
    rents = pa.array([0.0, 99.99, 100.0, 250.5, None])
    found = recode(rents, RENT, Recoding(width=100, top=200))
    assert values(found) == ["0 to under 100", "0 to under 100", "100 to under 200", "200+", None]


def test_numbers_are_rounded_within_limits():
    rents = pa.array([12.0, 149.9, 150.0, 1250.0, 9999.0, None])
    found = recode(rents, RENT, Recoding(round=100, bottom=100, top=5000))
    assert values(found) == [100, 100, 200, 1300, 5000, None]
    assert found.integers
    assert values(recode(pa.array([0.26]), RENT, Recoding(round=0.5))) == [0.5]
    assert values(recode(pa.array([3, None]), AGE)) == [3, None]


def test_categories_are_put_together():
    roofs = pa.array(["Straw", "Tin", None, "Other", "Tile"])
    found = recode(roofs, ROOF, Recoding(groups={"Other": ("Straw", "Other")}, missing="Not stated"))
    assert values(found) == ["Other", "Tin", "Not stated", "Other", "Tile"]
    assert found.categories == ("Tin", "Tile", "Other", "Not stated")
    assert allowed(ROOF, Recoding(groups={"Other": ("Straw", "Other")}, missing="Not stated")) == (
        "Tin", "Tile", "Other", "Not stated",
    )  # fmt: skip


def test_what_is_in_no_list_is_taken_for_missing():
    found = recode(pa.array(["Tin", "Hari's house", None]), ROOF)
    assert values(found) == ["Tin", None, None]
    assert found.unlisted == 1


def test_codes_keep_their_labels_and_places_their_codes():
    sex = Column("sex", "dimension", codes={"1": "Male", "2": "Female"})
    assert values(recode(pa.array(["Female", "9"]), sex)) == ["Female", None]
    place = Column("province", "place_code", level="province")
    assert values(recode(pa.array(["02", "01"]), place)) == ["02", "01"]
    assert allowed(place) is None
    assert values(recode(pa.array([True, None]), Column("own", "dimension", "boolean"))) == ["true", None]


def test_a_column_without_a_value_has_no_bands():
    with pytest.raises(PublicUseError, match="age: every value is missing"):
        recode(pa.array([None], pa.int64()), AGE, Recoding(width=5))


def test_numbers_become_codes_when_asked():
    found = recode(pa.array([5, 3, None, 5]), AGE).coded()
    assert found.codes.tolist() == [1, 0, -1, 1]
    assert found.take(np.array([0, 2])).codes.tolist() == [1, -1]
