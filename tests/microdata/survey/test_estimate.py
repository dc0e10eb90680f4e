"""The call itself: what comes back, domains on the whole design, missing values, and all that is refused."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from statloom.microdata.survey import Design, Estimand, SurveyError, estimate

MEAN = Estimand("income", "mean", "income")


@pytest.fixture
def survey():
    """Two strata of three PSUs of four persons; one person without income, one without province."""
    generator = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "stratum": np.repeat(["a", "b"], 12),
            "psu": np.repeat(np.arange(6), 4),
            "weight": generator.uniform(50, 150, 24),
            "income": generator.gamma(2.0, 500.0, 24).round(2),
            "sex": np.tile(["F", "M"], 12),
            "province": np.tile([1.0, 1.0, 2.0, 2.0], 6),
            "works": generator.random(24) < 0.5,
        }
    )
    frame.loc[3, "income"] = np.nan
    frame.loc[10, "province"] = np.nan
    return frame


DESIGN = Design(weight="weight", strata="stratum", psu="psu")


def test_what_comes_back(survey):
    made = estimate(
        survey,
        DESIGN,
        [MEAN, Estimand("works", "proportion", "works")],
        by=[[], ["sex"], ["province", "sex"]],
    )
    assert list(made.columns) == [
        *["estimand", "estimate", "se", "cv", "ci_low", "ci_high", "deff", "n", "n_psu", "df"],
        *["sex", "province"],
    ]
    assert len(made) == 2 * (1 + 2 + 4)
    assert list(made["estimand"][:4]) == ["income", "works", "income", "works"]
    assert made["sex"].isna().tolist() == [True] * 2 + [False] * 12
    assert made["province"].dropna().tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    whole = made[made["sex"].isna()].set_index("estimand")
    assert whole.loc["income", "n"] == 23, "the missing income is left out of the mean of income"
    assert whole.loc["works", "n"] == 24, "and of nothing else"
    assert (made["df"] == 4).all()
    np.testing.assert_allclose(made["cv"], made["se"] / made["estimate"])
    assert (made.loc[made["province"].notna() & (made["estimand"] == "works"), "n"]).sum() == 23


def test_mean_and_its_error_by_hand(survey):
    known = survey.dropna(subset="income")
    w, y = known["weight"], known["income"]
    mean = (w * y).sum() / w.sum()
    z = (w * (y - mean) / w.sum()).groupby([known["stratum"], known["psu"]]).sum()
    variance = sum(3 / 2 * ((part - part.mean()) ** 2).sum() for _, part in z.groupby("stratum"))
    made = estimate(survey, DESIGN, [MEAN])
    assert made["estimate"][0] == pytest.approx(mean, rel=1e-14)
    assert made["se"][0] == pytest.approx(np.sqrt(variance), rel=1e-13)


def test_a_domain_is_not_a_cut_out_sample(survey):
    """A PSU without a case of the domain still counts, with a total of zero."""
    survey["rare"] = survey["psu"].isin([0, 3])
    whole = estimate(survey, DESIGN, [Estimand("t", "total", "income", where="rare")])
    by_domain = estimate(survey, DESIGN, [Estimand("t", "total", "income")], by=[["rare"]])
    zeros = estimate(survey, DESIGN, [Estimand("t", "total", "CASE WHEN rare THEN income ELSE 0 END")])
    assert whole["se"][0] == pytest.approx(by_domain["se"][1], rel=1e-13)
    assert whole["se"][0] == pytest.approx(zeros["se"][0], rel=1e-13)
    assert whole["n_psu"][0] == 2
    assert whole["df"][0] == 4
    own = estimate(
        survey, DESIGN, [Estimand("t", "total", "income", where="rare")], degrees_of_freedom="domain"
    )
    assert own["df"][0] == 0
    assert np.isnan(own["ci_low"][0]), "no degrees of freedom, no interval"


def test_many_partitions_are_each_alone(survey):
    together = estimate(survey, DESIGN, [MEAN], by=[["sex"], ["province"], ["sex", "works"], []])
    for by in (["sex"], ["province"], ["sex", "works"], []):
        alone = estimate(survey, DESIGN, [MEAN], by=[by])
        present = together[by].notna().all(axis=1) & together[
            [c for c in ["sex", "province", "works"] if c not in by]
        ].isna().all(axis=1)
        figures = ["estimate", "se", "deff", "n"]
        np.testing.assert_allclose(together.loc[present, figures], alone[figures], rtol=1e-12)


@pytest.mark.parametrize("form", ["table", "parquet", "folder"])
def test_same_figures_from_every_form_of_data(survey, tmp_path, form):
    estimands = [MEAN, Estimand("g", "gini", "income"), Estimand("w", "total", "works AND sex = 'F'")]
    expected = estimate(survey, DESIGN, estimands, by=[[], ["sex"]])
    table = pa.Table.from_pandas(survey, preserve_index=False)
    data = table
    if form == "parquet":
        data = tmp_path / "survey.parquet"
        pq.write_table(table, data)
    if form == "folder":
        data = tmp_path
        pq.write_table(table.slice(0, 10), tmp_path / "part-0.parquet")
        pq.write_table(table.slice(10), tmp_path / "part-1.parquet")
    pd.testing.assert_frame_equal(
        estimate(data, DESIGN, estimands, by=[[], ["sex"]]), expected, check_exact=True
    )


def test_order_of_rows_and_names_of_units_do_not_matter(survey):
    expected = estimate(survey, DESIGN, [MEAN], by=[["sex"]])
    other = survey.sample(frac=1, random_state=3)
    other["psu"] = other["psu"].map(lambda psu: f"psu {(psu * 7) % 11}")
    figures = ["estimate", "se", "deff", "ci_low"]
    np.testing.assert_allclose(
        estimate(other, DESIGN, [MEAN], by=[["sex"]])[figures], expected[figures], rtol=1e-12
    )


def test_more_rows_than_a_block_and_missing_values_late():
    """The first missing value comes after the first block of rows."""
    generator = np.random.default_rng(1)
    rows = 70_000
    frame = pd.DataFrame(
        {
            "psu": np.arange(rows) // 100,
            "weight": generator.uniform(1, 2, rows),
            "y": generator.normal(10, 1, rows),
            "x": generator.normal(5, 1, rows),
        }
    )
    frame.loc[65_000:, "y"] = np.nan
    estimands = [
        Estimand("y", "mean", "y"),
        Estimand("x", "mean", "x"),
        Estimand("r", "ratio", numerator="x", denominator="y"),
    ]
    made = estimate(frame, Design("weight", psu="psu"), estimands).set_index("estimand")
    known = frame.dropna()
    assert made["n"].tolist() == [65_000, 70_000, 65_000]
    assert made.loc["y", "estimate"] == pytest.approx(
        np.average(known["y"], weights=known["weight"]), rel=1e-13
    )
    assert made.loc["x", "estimate"] == pytest.approx(
        np.average(frame["x"], weights=frame["weight"]), rel=1e-13
    )
    ratio = (known["weight"] * known["x"]).sum() / (known["weight"] * known["y"]).sum()
    assert made.loc["r", "estimate"] == pytest.approx(ratio, rel=1e-13)


def test_a_domain_without_a_case(survey):
    survey.loc[survey["sex"] == "M", "income"] = np.nan
    estimands = [
        MEAN,
        Estimand("t", "total", "income"),
        Estimand("q", "quantile", "income"),
        Estimand("g", "gini", "income"),
    ]
    made = estimate(survey, DESIGN, estimands, by=[["sex"]])
    men = made[made["sex"] == "M"].set_index("estimand")
    assert men["n"].tolist() == [0, 0, 0, 0]
    assert men["estimate"].isna().tolist() == [True, False, True, True]
    assert men.loc["t", ["estimate", "se"]].tolist() == [0, 0]


def test_a_domain_column_without_values(survey):
    survey["nothing"] = None
    made = estimate(survey, DESIGN, [MEAN], by=[["nothing"], []])
    assert len(made) == 1
    assert estimate(survey, DESIGN, [MEAN], by=[["nothing"]]).empty


def test_weights_that_add_up_to_the_sample_have_no_design_effect_without_replacement(survey):
    survey["weight"] /= survey["weight"].mean() * 2
    made = estimate(survey, DESIGN, [MEAN])
    assert np.isnan(made["deff"][0])
    assert estimate(survey, DESIGN, [MEAN], design_effect="with_replacement")["deff"][0] > 0


def test_one_list_of_domain_columns_may_stand_alone(survey):
    for by, alone in (([["sex"]], "sex"), ([["sex"]], ["sex"]), ([["province", "sex"]], ["province", "sex"])):
        pd.testing.assert_frame_equal(
            estimate(survey, DESIGN, [MEAN], alone), estimate(survey, DESIGN, [MEAN], by)
        )


def test_mappings_as_yaml_gives_them(survey):
    made = estimate(
        survey,
        {"weight": "weight", "stages": [{"unit": "psu", "strata": "stratum"}]},
        [{"name": "income", "type": "mean", "expression": "income"}],
    )
    pd.testing.assert_frame_equal(made, estimate(survey, DESIGN, [MEAN]))


def refused(survey, reason, design=DESIGN, estimands=(MEAN,), by=((),), **options):
    with pytest.raises(SurveyError) as raised:
        estimate(survey, design, list(estimands), by, **options)
    assert reason in str(raised.value), str(raised.value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.nan, "design, field weight: column 'weight' is missing in 1 rows, first in row 6"),
        (-1.0, "design, field weight: column 'weight' is negative in 1 rows, first in row 6"),
        (0.0, "design, field weight: column 'weight' is zero in 1 rows, first in row 6"),
        (np.inf, "design, field weight: column 'weight' is infinite in 1 rows, first in row 6"),
    ],
)
def test_refuses_weights(survey, value, reason):
    survey.loc[5, "weight"] = value
    refused(survey, reason)


def test_refuses_weights_that_are_no_numbers(survey):
    survey["weight"] = survey["weight"].astype(str)
    refused(survey, "design, field weight: column 'weight' holds")
    survey["weight"] = [1.0] * 23 + ["x"]
    refused(survey, "column 'weight': values of mixed types")


def test_refuses_a_unit_in_two_strata(survey):
    survey.loc[0, "stratum"] = "b"
    refused(survey, "psu 0 lies in two strata, stratum 'b' and 'a' (row 2; 1 such PSUs)")
    nested = Design("weight", strata="stratum", psu="psu", nest=True)
    assert estimate(survey, nested, [MEAN])["df"][0] == 5


def test_refuses_a_lonely_unit(survey):
    survey.loc[survey["psu"] == 0, "stratum"] = "c"
    refused(survey, "design, field lonely_psu: 1 strata have one sampling unit at stage 1: stratum 'c'")


def test_refuses_missing_strata_and_units(survey):
    survey["stratum"] = survey["stratum"].astype(object)
    survey.loc[2, "stratum"] = None
    refused(survey, "design, field strata: column 'stratum' is missing in 1 rows, first in row 3")


def test_refuses_impossible_populations(survey):
    design = Design("weight", strata="stratum", psu="psu", fpc="fpc")
    survey["fpc"] = 2
    refused(survey, "says 2 units in the population of stratum 'a', but 3 are in the sample", design)
    survey["fpc"] = np.where(survey.index < 5, 10, 11)
    refused(survey, "design, field fpc: column 'fpc': differs within stratum 'a', first in row 6", design)
    survey["fpc"] = np.where(survey["stratum"] == "a", 0.5, 10)
    refused(survey, "population sizes (all at least 1) or fractions", design)
    survey["fpc"] = -1
    refused(survey, "zero or negative", design)


def test_refuses_what_is_not_there(survey):
    refused(survey, "design: the data have no column 'w'", Design("w"))
    refused(survey, "by: the data have no column 'region'", by=[["region"]])
    refused(
        survey,
        "estimand 'x', field where: unknown column 'agee'",
        estimands=[Estimand("x", "mean", "income", where="agee > 5")],
    )
    refused(survey.iloc[:0], "data: no rows")
    refused("nowhere.parquet", "nowhere.parquet: no such file")
    refused({"a": 1}, "a pandas DataFrame, a pyarrow Table or a Parquet path is needed, not dict")
    refused(survey.iloc[:4], "one primary sampling unit only", Design("weight", psu="psu"))


def test_refuses_files_that_are_not_parquet(tmp_path):
    file = tmp_path / "survey.parquet"
    file.write_text("weight,income\n1,2\n")
    refused(file, "cannot be read as Parquet")
    refused(tmp_path / "sub", "no such file")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "a folder without Parquet files")


def test_refuses_expressions_that_give_no_numbers(survey):
    for estimand, reason in (
        (
            Estimand("x", "mean", "sex"),
            ", field expression: a number or a condition is needed, this gives VARCHAR",
        ),
        (
            Estimand("x", "mean", "income", where="income"),
            ", field where: a condition is needed, this gives number",
        ),
        (Estimand("x", "ratio", numerator="sex + TRUE", denominator="income"), ", field numerator: "),
        (
            Estimand("x", "mean", "CASE WHEN sex = 1 THEN 1 END"),
            ": Conversion Error: Could not convert string 'F'",
        ),
        (
            Estimand("x", "proportion", "income"),
            ": a proportion needs a condition or a column of 0 and 1, found ",
        ),
        (Estimand("x", "mean", "income / 0"), ": infinite in row 1"),
        (Estimand("x", "gini", "income / 0"), ": infinite in row 1"),
        (Estimand("x", "gini", "-income"), ": gini needs values of 0 and above, found -"),
    ):
        refused(survey, f"estimand 'x'{reason}", estimands=[MEAN, estimand])


def test_refuses_options_and_lists(survey):
    refused(survey, "level: 95 is not between 0 and 1", level=95)
    refused(survey, "degrees_of_freedom: 'none' is none of", degrees_of_freedom="none")
    refused(survey, "design_effect: 'yes' is none of", design_effect="yes")
    refused(survey, "by: 'sex' is not a list", by=["sex", []])
    refused(survey, "by: a list of lists", by=[])
    refused(survey, "by: 5 is not a list", by=[5])
    refused(survey, "two estimands are called 'income'", estimands=[MEAN, MEAN])
    refused(survey, "a list of estimands is needed", estimands=[])
    survey["se"] = 1
    refused(survey, "a domain column cannot be called 'se'", by=[["se"]])


def test_refuses_columns_that_differ_by_case_only(survey, tmp_path):
    survey["Income"] = 1
    refused(survey, "columns 'income' and 'Income' differ by case only")
    pq.write_table(pa.Table.from_pandas(survey), tmp_path / "twins.parquet")
    refused(tmp_path / "twins.parquet", "columns 'income' and 'Income' differ by case only")


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({"weights": "weight"}, "design: unknown field 'weights'; known are"),
        ({}, "design, field weight: needed unless fpc"),
        ({"weight": "weight", "lonely_psu": "merge"}, "field lonely_psu: 'merge' is none of fail, remove"),
        ({"weight": "weight", "strata": ["a", "b"]}, "field strata: 2 columns for 1 stages"),
        ({"weight": "weight", "psu": 5}, "design"),
        (
            {"weight": "weight", "replicates": {"method": "jack"}},
            "field replicates.method: 'jack' is none of",
        ),
        (
            {"weight": "weight", "replicates": {"method": "fay", "rho": 1}},
            "replicates.rho: 1 is not in [0, 1)",
        ),
        ({"weight": "weight", "replicates": {"method": "other"}}, "method 'other' needs columns and scale"),
        ({"weight": "weight", "calibration": {"method": "linear"}}, "calibration.auxiliaries: needed"),
        ({"weight": "weight", "calibration": {"method": "guess"}}, "calibration.method: 'guess' is none of"),
        (
            {"weight": "weight", "stages": [{"unit": "psu"}], "psu": "psu"},
            "takes the place of strata, psu and fpc",
        ),
        ({"weight": "weight", "stages": [{"units": "psu"}]}, "field stages: unknown key 'units'"),
    ],
)
def test_refuses_designs(survey, mapping, reason):
    refused(survey, reason, mapping)


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        (
            {"name": "x", "type": "average", "expression": "income"},
            "estimand 'x', field type: 'average' is none of",
        ),
        ({"name": "x", "type": "mean"}, "estimand 'x', field expression: needed for type mean"),
        ({"name": "x", "type": "ratio", "numerator": "income"}, "field denominator: needed for type ratio"),
        (
            {"name": "x", "type": "mean", "expression": "income", "numerator": "1"},
            "field numerator: not for type mean",
        ),
        ({"name": "x", "type": "mean", "expression": "income", "unit": "Rs"}, "unknown field 'unit'"),
        ({"type": "mean", "expression": "income"}, "field name: missing"),
        (
            {"name": "x", "type": "quantile", "expression": "income", "probability": 1.5},
            "1.5 is not between 0 and 1",
        ),
        (
            {"name": "x", "type": "mean", "expression": "income", "interval": "beta"},
            "field interval: 'beta' is none of wald",
        ),
        ({"name": "x", "type": "quantile", "expression": "income", "rule": "hf10"}, "field rule: 'hf10'"),
        ("income", "a mapping of fields is needed"),
    ],
)
def test_refuses_estimands(survey, mapping, reason):
    refused(survey, reason, estimands=[mapping])
