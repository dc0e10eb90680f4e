"""``statloom tabulate``: from a request and Parquet files to one file of cells."""

import pandas as pd
import pyarrow.parquet as parquet
import pytest

from statloom.cli import main

REQUEST = """
country: NP
columns: {district: text, sex: text, age: integer}
tabulation:
  places: {district: district}
  numerators: {adults: age >= 15}
  breakdowns: {sex: sex}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    frame = pd.DataFrame({"district": ["01", "01", "02"], "sex": ["F", "M", "F"], "age": [14, 15, 16]})
    frame.to_parquet(tmp_path / "persons.parquet")
    (tmp_path / "request.yml").write_text(REQUEST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_cells_are_written_wide_as_parquet_and_long_as_csv(folder, capsys):
    assert main(["tabulate", "request.yml", "persons.parquet", "--out", "cells.parquet"]) == 0
    assert capsys.readouterr().out == "cells.parquet: 8 cells, 1 measure\n"
    table = parquet.read_table("cells.parquet")
    assert table.column_names == ["place_level", "place_code", "sex", "units", "adults", "n_adults"]
    assert main(["tabulate", "request.yml", "persons.parquet", "--out", "cells.csv", "--long"]) == 0
    long = pd.read_csv("cells.csv", dtype={"place_code": str}).set_index(["place_code", "measure", "sex"])
    assert long["value"].to_dict() == {
        ("NP", "adults", "F"): 1,
        ("NP", "adults", "M"): 1,
        ("NP", "adults", "_T"): 2,
        ("01", "adults", "F"): 0,
        ("01", "adults", "M"): 1,
        ("01", "adults", "_T"): 1,
        ("02", "adults", "F"): 1,
        ("02", "adults", "_T"): 1,
    }


@pytest.mark.parametrize(
    ("change", "arguments", "reason"),
    [
        (("age >= 15", "age >= 15; select 1"), [], "request.yml, line 6, tabulation.numerators.adults"),
        (("age >= 15", "ages >= 15"), [], "unknown column 'ages'; did you mean 'age'?"),
        (("", ""), ["--out", "cells.xlsx"], "must end in .csv or .parquet"),
        (("", ""), ["--out", "nowhere/cells.csv"], "there is no folder"),
        (("", ""), ["--record", "household"], "no measure is about record 'household'"),
        (("sex: text", "sex: integer"), [], "column 'sex' is varchar in the data, not integer"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(folder, capsys, change, arguments, reason):
    (folder / "request.yml").write_text(REQUEST.replace(*change))
    command = ["tabulate", "request.yml", "persons.parquet", "--out", "cells.csv", *arguments]
    assert main(command) == 1
    assert reason in capsys.readouterr().err
    assert not list(folder.glob("**/cells*"))
