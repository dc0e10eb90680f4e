"""The synthetic deliveries, read with nothing of Statloom: what its own readers are compared with."""

import re
import zipfile

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from demo.generate import census_sample, household_survey


@pytest.fixture(scope="session")
def census_file():
    """The census file as frames of texts by the letter of the record type; columns are the items."""
    with zipfile.ZipFile(census_sample.DELIVERY) as archive:
        dictionary = archive.read(f"{census_sample.NAME}.dcf").decode()
        lines = np.array(archive.read(f"{census_sample.NAME}.dat").split(b"\n")[:-1])
    letters = lines.astype("S1")
    return {
        letter: _frame(lines[letters == letter.encode()], positions)
        for letter, positions in _positions(dictionary).items()
    }


@pytest.fixture(scope="session")
def survey_files(tmp_path_factory):
    """The survey's households and persons, as (frame of codes, what the file says of itself)."""
    folder = tmp_path_factory.mktemp("survey")
    with zipfile.ZipFile(household_survey.DELIVERY) as archive:
        archive.extractall(folder)
    return {
        what: pyreadstat.read_dta(folder / f"{household_survey.NAME}_{what}.dta")
        for what in ("households", "persons")
    }


def _positions(dictionary):
    """Return start and length of every item of each record type, those of its case first."""
    case, found, letter = {}, {}, None
    for section in dictionary.split("\n\n"):
        keys = dict(line.split("=", 1) for line in section.splitlines() if "=" in line)
        if section.startswith("[Level]"):
            letter = None
        elif section.startswith("[Record]"):
            letter = re.sub("'", "", keys["RecordTypeValue"])
            found[letter] = dict(case)
        elif section.startswith("[Item]"):
            of = case if letter is None else found[letter]
            of[keys["Name"]] = (int(keys["Start"]), int(keys["Len"]))
    return found


def _frame(lines, positions):
    width = max(start + length for start, length in positions.values()) - 1
    table = lines.astype(f"S{width}").view("S1").reshape(len(lines), width)
    return pd.DataFrame(
        {name: _texts(table[:, at - 1 : at - 1 + n], n) for name, (at, n) in positions.items()}
    )


def _texts(bytes_of, length):
    return np.ascontiguousarray(bytes_of).view(f"S{length}").ravel().astype(str)
