"""The synthetic census file: the same bytes each time, labelled as synthetic, whole, and plausible."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from demo.generate import census_sample
from demo.generate.population import areas


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: (entry.date_time, archive.read(entry)) for entry in archive.infolist()}


@pytest.fixture(scope="module")
def dictionary():
    return contents(census_sample.DELIVERY)[f"{census_sample.NAME}.dcf"][1].decode()


def test_the_committed_file_is_what_the_generator_makes(tmp_path):
    again = tmp_path / "again" / census_sample.DELIVERY.name
    census_sample.main(["--into", str(again)])
    assert again.read_bytes() == census_sample.DELIVERY.read_bytes()


def test_the_file_says_that_it_is_synthetic(dictionary):
    assert census_sample.DELIVERY.name.startswith("synthetic_")
    assert all(name.startswith("synthetic_") for name in contents(census_sample.DELIVERY))
    assert "Label=SYNTHETIC: made by a generator, nobody was asked" in dictionary


def test_the_file_is_small_and_has_the_size_of_one_per_cent(census_file):
    assert census_sample.DELIVERY.stat().st_size < 3_000_000
    assert len(census_file["P"]) == 263_912
    assert len(census_file["H"]) == 61_016
    assert census_file["H"]["PERSONS"].astype(int).sum() == len(census_file["P"])


def test_every_record_belongs_to_the_one_above(census_file):
    wards, homes, people = census_file["W"], census_file["H"], census_file["P"]
    ward, case = list(census_sample.CASE[:4]), list(census_sample.CASE)
    assert not wards.duplicated(ward).any() and not homes.duplicated(case).any()
    assert not people.duplicated([*case, "LINE"]).any()
    assert set(map(tuple, homes[ward].drop_duplicates().to_numpy())) == set(
        map(tuple, wards[ward].to_numpy())
    )
    counted = people.groupby(case).size()
    assert (counted == homes.set_index(case)["PERSONS"].astype(int)[counted.index]).all()
    assert len(counted) == len(homes)


def test_places_are_those_of_the_federal_units_in_proportion(census_file):
    units = areas.local_units().set_index("local_unit")
    counted = census_file["P"].groupby("LOCAL_UNIT").size()
    assert set(counted.index) <= set(units.index)
    assert (
        counted.reindex(units.index, fill_value=0).sub(units["population"] / census_sample.STEP).abs().max()
        < 150
    )
    assert (census_file["P"]["PROVINCE"] == census_file["P"]["LOCAL_UNIT"].str[0]).all()
    by_district = census_file["P"].groupby("DISTRICT").size()
    published = units.groupby("district")["population"].sum() / census_sample.STEP
    assert by_district.to_numpy() == pytest.approx(published[by_district.index].to_numpy(), rel=0.15)
    assert len(by_district) == 77


def test_shares_are_plausible(census_file):
    people, homes = census_file["P"], census_file["H"]
    age = people["AGE"].astype(int)
    assert 0.24 < (age < 15).mean() < 0.31
    assert 0.04 < (age >= 65).mean() < 0.08
    assert 0.46 < (people["SEX"] == "1").mean() < 0.50
    asked = people[(age >= 5) & (people["LITERATE"] != "9")]
    assert 0.70 < (asked["LITERATE"] == "1").mean() < 0.80
    assert (people.loc[age < 5, "LITERATE"] == " ").all()
    assert 0.002 < (people.loc[age >= 5, "LITERATE"] == "9").mean() < 0.006
    assert 0.03 < (homes["TOILET"] == "3").mean() < 0.10


def test_names_are_tokens_and_numbers_not_in_use(census_file):
    assert census_file["P"]["NAME"].str.fullmatch(r"Nobody \d{5}-\d\d-\d{3}-\d{3}-\d\d").all()
    assert census_file["P"]["NAME"].is_unique
    assert census_file["H"]["CONTACT_NUMBER"].str.fullmatch(r"900\d{7}").all()


def test_codes_are_those_of_the_dictionary(census_file, dictionary):
    item, found = None, {}
    for line in dictionary.splitlines():
        if line.startswith("Name="):
            item = line[5:].removesuffix("_VS1")
        elif line.startswith("Value="):
            found.setdefault(item, []).append(line[6:].split(";")[0].strip("'"))
    assert {"SEX", "TOILET", "SEEING", "PROVINCE"} <= found.keys()
    for frame in census_file.values():
        for column in found.keys() & set(frame):
            least_most = [value.split(":") for value in found[column] if ":" in value]
            allowed = {value for value in found[column] if ":" not in value}
            values = pd.Series(frame[column].unique())
            if least_most:
                ((least, most),) = least_most
                values = values[~values.str.strip().astype(int).between(int(least), int(most))]
            assert set(values) <= allowed, column


def test_a_field_holds_its_number():
    from demo.generate import cspro

    assert cspro.digits(np.array([7, 1234]), 3).tobytes() == b"007234"
