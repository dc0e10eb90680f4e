"""``statloom survey estimate`` from files to a file."""

import numpy as np
import pandas as pd
import pytest

from statloom import cli
from statloom.microdata.survey import Design, Estimand, estimate
from tests.microdata.survey.reference import freeze

DESIGN = "weight: pw\nstrata: stype\nfpc: fpc\n"
ESTIMANDS = """
estimands:
  - {name: score, type: mean, expression: api00}
  - {name: prized, type: proportion, expression: awards = 'Yes', interval: logit}
by: [[], [stype]]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "design.yml").write_text(DESIGN)
    (tmp_path / "estimands.yml").write_text(ESTIMANDS)
    pd.read_csv(freeze.data_file("apistrat")).to_parquet(tmp_path / "schools.parquet")
    return tmp_path


def run(folder, data="schools.parquet", *more):
    return cli.main(
        [
            *("survey", "estimate", str(folder / data), "--design", str(folder / "design.yml")),
            *("--estimands", str(folder / "estimands.yml"), "--out", str(folder / "out.csv"), *more),
        ]
    )


def test_writes_what_the_library_returns(folder, capsys):
    assert run(folder) == 0
    assert "8 estimates, 2 estimands in 4 domains" in capsys.readouterr().out
    expected = estimate(
        folder / "schools.parquet",
        Design("pw", strata="stype", fpc="fpc"),
        [
            Estimand("score", "mean", "api00"),
            Estimand("prized", "proportion", "awards = 'Yes'", interval="logit"),
        ],
        by=[[], ["stype"]],
    )
    made = pd.read_csv(folder / "out.csv")
    assert list(made.columns) == list(expected.columns)
    numbers = expected.columns.drop(["estimand", "stype"])
    np.testing.assert_array_equal(made[numbers].to_numpy(float), expected[numbers].to_numpy(float))
    assert made["stype"].fillna("").tolist() == expected["stype"].fillna("").tolist()


@pytest.mark.parametrize("form", ["csv", "dta", "sav"])
def test_reads_other_formats(folder, form):
    run(folder)
    expected = pd.read_csv(folder / "out.csv")
    frame = pd.read_csv(freeze.data_file("apistrat"))
    if form == "csv":
        frame.to_csv(folder / "schools.csv", index=False)
    else:
        import pyreadstat

        getattr(pyreadstat, f"write_{form}")(frame, str(folder / f"schools.{form}"))
    assert run(folder, f"schools.{form}") == 0
    pd.testing.assert_frame_equal(pd.read_csv(folder / "out.csv"), expected)


def test_domains_from_the_command_line(folder):
    assert run(folder, "schools.parquet", "--by", "", "--by", "stype,sch_wide") == 0
    made = pd.read_csv(folder / "out.csv")
    assert len(made) == 2 * (1 + 6)
    assert {"stype", "sch_wide"} <= set(made.columns)


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("design.yml", "weight: pw\nstrata: [", "design.yml: no valid YAML"),
        ("design.yml", "weight: pww\n", "design: the data have no column 'pww'"),
        ("design.yml", "weight: pw\nclusters: dnum\n", "design.yml: design: unknown field 'clusters'"),
        ("estimands.yml", "estimands: []\n", "estimands.yml: a list of estimands is needed"),
        ("estimands.yml", "estimand: []\n", "estimands.yml: "),
        ("estimands.yml", ESTIMANDS + "where: x\n", "estimands.yml: unknown field 'where'"),
        (
            "estimands.yml",
            "- {name: a, type: mean, expression: api00; DROP TABLE x}",
            "estimand 'a', field expression: only one expression is allowed",
        ),
        ("schools.parquet", "no", "cannot be read as Parquet"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_written(folder, capsys, file, text, reason):
    (folder / file).write_text(text)
    assert run(folder) == 1
    assert reason in capsys.readouterr().err
    assert not list(folder.glob("out.csv*"))


def test_files_that_are_not_there(folder, capsys):
    assert run(folder, "nowhere.csv") == 1
    assert "nowhere.csv: no such file" in capsys.readouterr().err
    (folder / "design.yml").unlink()
    assert run(folder) == 1
    assert "design.yml: No such file or directory" in capsys.readouterr().err
