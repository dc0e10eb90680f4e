"""What the warehouse carries to today's local units, against what was published of the census for them."""

import pandas as pd
import pytest

from benchmarks.places_crosswalk import OTHER_LIMITS, unit_figures


@pytest.fixture(scope="module")
def published():
    return unit_figures()


def carried(built, series, extra=""):
    rows = built.rows(
        "select place_code, value, numerator, denominator, geo_method, geo_se from candidate.observation"
        f" where series_code = '{series}' and period = '2011' and place_level = 'local_unit'"
        f" and source_level = 'vdc' and sex = '_T' and age = '_T' {extra}"
    )
    columns = ["place_code", "value", "numerator", "denominator", "geo_method", "geo_se"]
    frame = pd.DataFrame(rows, columns=columns).set_index("place_code")
    numbers = [column for column in columns[1:] if column != "geo_method"]
    return frame.astype(dict.fromkeys(numbers, float))


def test_units_of_whole_villages_have_the_persons_published(built, published):
    """But one of Rukum West, where the published totals contradict the boundaries."""
    found = carried(built, "NP_POP")
    whole = found[(found["geo_method"] == "exact_merge") & ~found.index.isin(OTHER_LIMITS)]
    assert len(whole) > 450
    same = whole["value"] == published["population"].reindex(whole.index)
    assert set(whole.index[~same]) <= {"60801"}
    assert (whole["geo_se"] == 0).all()


@pytest.mark.parametrize(
    ("series", "part", "total"),
    [("NP_POP", "value", "population"), ("NP_TOILET_NONE", "denominator", "households")],
)
def test_apportioned_totals_are_near_what_was_published(built, published, series, part, total):
    found = carried(built, series)
    divided = found[found["geo_method"] == "apportioned"]
    truth = published[total].reindex(divided.index)
    error = (divided[part] - truth).abs() / truth
    assert len(divided) > 200
    assert error.median() < 0.0025
    assert error.quantile(0.9) < 0.03


def test_the_error_of_a_share_holds_what_was_published(built, published):
    """Toilets were published for 72 units; nothing of them went into the weights."""
    found = carried(built, "NP_TOILET_NONE").join(published[["no_toilet", "households"]]).dropna()
    divided = found[found["geo_method"] == "apportioned"]
    off = (divided["value"] - 100 * divided["no_toilet"] / divided["households"]).abs()
    assert len(divided) >= 11
    assert (off > 0.01).any()
    assert (off < 3 * divided["geo_se"]).all()
    assert (off < divided["geo_se"]).mean() > 0.3
    assert off.max() < 10
