"""Domains that rest on strata of their own."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from statloom.microdata.survey import (
    Calibration,
    Design,
    Estimand,
    Replicates,
    SurveyError,
    estimate,
    own_strata,
)

DESIGN = Design("w", strata="stratum", psu="psu")


@pytest.fixture
def survey():
    """Four strata: two of province a, one of b, one that b and c share; urban cases in all but the first."""
    frame = pd.DataFrame({"stratum": np.repeat([1, 2, 3, 4], 6), "psu": np.arange(24) // 2})
    frame["province"] = np.repeat(["a", "a", "b", "x"], 6)
    frame.loc[18:20, "province"], frame.loc[21:, "province"] = "b", "c"
    frame["area"] = np.where(frame["stratum"] == 1, "rural", np.where(frame.index % 3 == 0, "rural", "urban"))
    frame["w"], frame["y"] = 10.0, np.arange(24) % 5
    return frame


def test_domains_whose_strata_have_no_other_case(survey):
    by_province = own_strata(survey, DESIGN, ["province"])
    assert by_province.values.tolist() == [["a", True], ["b", False], ["c", False]]
    assert own_strata(survey, DESIGN, [])["own"].tolist() == [True]
    both = own_strata(survey, DESIGN, ["province", "area"])
    assert not both["own"].any(), "every province has rural and urban cases in one stratum"
    survey.loc[survey["stratum"] == 2, "area"] = "urban"
    both = own_strata(survey, DESIGN, ["province", "area"]).set_index(["province", "area"])["own"]
    assert both[("a", "rural")] and both[("a", "urban")] and not both[("b", "urban")]


def test_a_case_without_a_category_is_another_case(survey):
    survey["province"] = survey["province"].astype(object)
    survey.loc[0, "province"] = None
    assert own_strata(survey, DESIGN, ["province"])["own"].tolist() == [False, False, False]


def test_the_same_from_a_file(survey, tmp_path):
    pq.write_table(pa.Table.from_pandas(survey), tmp_path / "survey.parquet")
    pd.testing.assert_frame_equal(
        own_strata(tmp_path / "survey.parquet", DESIGN, ["province"]),
        own_strata(survey, DESIGN, ["province"]),
    )


@pytest.mark.parametrize(
    "design",
    [
        Design("w", psu="psu"),
        Design("w", strata="stratum", psu="psu", replicates=Replicates("jkn")),
        Design("w", strata="stratum", psu="psu", calibration=Calibration("linear", auxiliaries={"1": 300})),
    ],
    ids=["no strata", "replicates", "calibrated"],
)
def test_what_joins_strata_leaves_none(survey, design):
    assert not own_strata(survey, design, ["province"])["own"].any()


def test_refuses_columns_that_are_not_there(survey):
    with pytest.raises(SurveyError, match="own strata: the data have no column 'district'"):
        own_strata(survey, DESIGN, ["district"])


def test_errors_of_such_domains_add_up_in_squares(survey):
    """The total of two provinces from the microdata has the error that their published errors give."""
    survey = survey[survey["stratum"] < 4]
    total = [Estimand("t", "total", "y")]
    parts = estimate(survey, DESIGN, total, by=[["province"]])
    whole = estimate(survey, DESIGN, total)
    assert own_strata(survey, DESIGN, ["province"])["own"].all()
    assert whole["se"][0] == pytest.approx(np.sqrt((parts["se"] ** 2).sum()), rel=1e-13)
    shared = estimate(survey, DESIGN, total, by=[["area"]])
    assert whole["se"][0] != pytest.approx(np.sqrt((shared["se"] ** 2).sum()), rel=1e-3)
