"""Any series on any vintage: to today's places and back, with its sums kept and its error known."""

import math
import re

import pytest

from statloom.errors import StatloomError
from statloom.warehouse import transform

pytestmark = pytest.mark.database

TOTAL = "sex = '_T' and age = '_T'"
CARRYING = "crosswalk_link place_link place_reach carried"
SPREAD_OF_POPULATION = (
    "select spread::float from harmonised.part_spread join harmonised.cell using (cell_id)"
    f" where series_code = 'NP_POP' and {TOTAL}"
)


@pytest.mark.parametrize(
    ("level", "source_level", "method", "expected"),
    [
        ("vdc", "vdc", "observed", 2066102),
        ("district", "district", "observed", 2069812),
        ("district", "vdc", "exact_merge", 2066102),
        ("country", "country", "observed", 2069812),
        ("country", "vdc", "exact_merge", 2066102),
    ],
)
def test_what_was_observed_on_former_places_stays(built, level, source_level, method, expected):
    found = built.rows(
        "select distinct geo_method, obs_status, split_share, geo_se, sum(numerator) over ()"
        " from candidate.former_observation where series_code = 'NP_TOILET_NONE'"
        " and place_vintage = 'NP-2011' and place_level = :level and source_level = :source_level",
        level=level,
        source_level=source_level,
    )
    assert found == [(method, "A", 0, 0, expected)]


@pytest.mark.parametrize(
    ("level", "source_level", "expected"),
    [
        ("country", "country", 29192480),
        ("district", "local_unit", 29192480 - 117490),
        ("district", "district", 29192480 - 117490),
        ("vdc", "local_unit", 29192480 - 117490),
    ],
)
def test_the_population_of_2021_on_the_places_of_2011_adds_up_exactly(built, level, source_level, expected):
    found = built.value(
        "select sum(value) from candidate.former_observation where series_code = 'NP_POP'"
        f" and period = '2021' and {TOTAL} and place_level = :level and source_level = :source_level"
        " and place_vintage = 'NP-2011'",
        level=level,
        source_level=source_level,
    )
    assert found == expected


def test_districts_that_were_split_come_together_again(built):
    found = built.rows(
        "select place_name, source_level, geo_method, obs_status, split_share, geo_se, value"
        " from candidate.former_observation where series_code = 'NP_POP' and period = '2021'"
        f" and place_level = 'district' and {TOTAL} and place_name in ('Rukum', 'Nawalparasi') order by 1, 2"
    )
    today = dict(
        built.rows(
            "select split_part(place_name, ' ', 1), sum(value) from candidate.indicator_series"
            f" where series_code = 'NP_POP' and period = '2021' and place_level = 'district' and {TOTAL}"
            " and split_part(place_name, ' ', 1) in ('Rukum', 'Nawalparasi') group by 1"
        )
    )
    assert found == [
        (name, level, "exact_merge", "A", 0, 0, today[name])
        for name in ("Nawalparasi", "Rukum")
        for level in ("district", "local_unit")
    ]


def test_shares_on_former_places_are_computed_from_counts_that_were_carried(built):
    wrong = built.rows(
        "select observation_key from candidate.former_observation join candidate.indicator"
        " using (series_code) where denominator is not null and value is distinct from"
        " round(multiplier * numerator / nullif(denominator, 0), 6)"
    )
    carried = built.value(
        "select count(*) from candidate.former_observation where denominator > 0"
        " and geo_method = 'apportioned'"
    )
    assert not wrong
    assert carried > 3000


def test_the_error_of_a_count_is_that_of_its_weights(built):
    """By hand, for one divided local unit: its population, the error of each weight and of parts."""
    spread = built.value(SPREAD_OF_POPULATION)
    unit = built.value(
        "select min(from_place_id) from places.crosswalk where from_place_id like 'NP-2017:local_unit:%'"
        " and basis = 'population'"
    )
    population = built.value(
        "select value from candidate.observation where series_code = 'NP_POP' and period = '2021'"
        f" and {TOTAL} and place_id = :unit",
        unit=unit,
    )
    found = built.rows(
        "select place_id, split_share, value, geo_se from candidate.former_observation where series_code ="
        f" 'NP_POP' and period = '2021' and {TOTAL} and place_id in (select to_place_id from places.crosswalk"
        " where from_place_id = :unit) order by 1",
        unit=unit,
    )
    expected = built.rows(
        "select to_place_id, weight, weight_se from places.crosswalk as link where from_place_id = :unit"
        " and basis = 'population' and (select count(distinct from_place_id) from places.crosswalk"
        " where to_place_id = link.to_place_id and basis in ('population', 'whole')) = 1 order by 1",
        unit=unit,
    )
    by_place = {place: rest for place, *rest in found}
    assert expected
    for place, weight, weight_se in expected:
        share, value, error = by_place[place]
        assert share == 1
        assert value == population * weight
        variance = weight_se**2 + spread * float(weight * (1 - weight))
        assert error == pytest.approx(float(population) * math.sqrt(variance), abs=1e-6)


def test_how_differently_parts_are_composed_is_measured(built):
    found = {
        (series, kind): (measured, float(spread) ** 0.5)
        for series, kind, measured, spread in built.rows(
            "select distinct series_code, kind, is_measured, spread from harmonised.part_spread"
            f" join harmonised.cell using (cell_id) where {TOTAL} and cust_breakdown = '_T'"
            " and series_code in ('NP_TOILET_NONE', 'NP_POP', 'NP_VOTERS', 'NP_SEX_RATIO')"
        )
    }
    assert found[("NP_TOILET_NONE", "share")] == (True, pytest.approx(0.17, abs=0.02))
    assert found[("NP_SEX_RATIO", "ratio")] == (True, pytest.approx(0.022, abs=0.005))
    # The weights are the population's own counts.
    assert found[("NP_POP", "count")] == (True, pytest.approx(0, abs=0.01))
    # Reported for districts alone.
    assert found[("NP_VOTERS", "count")] == (False, pytest.approx(0.15))


def test_errors_cover_what_the_villages_of_split_districts_tell(built):
    """Shares of the dissolved districts, given to their successors, against the sums of their villages."""
    carried = (
        "select d.value, d.geo_se, v.value from candidate.observation d join candidate.observation v"
        " using (series_code, place_id, period, sex, age, cust_breakdown, disability_status, source_id)"
        " where d.place_level = 'district' and d.source_level = 'district' and d.geo_method = 'apportioned'"
        " and v.source_level = 'vdc' and d.unit in ('PERCENT', 'PERSONS', 'RATIO')"
    )
    found = [(float(value), error, float(true)) for value, error, true in built.rows(carried)]
    within = [abs(value - true) <= 2 * error for value, error, true in found]
    assert len(found) > 50
    assert sum(within) >= 0.9 * len(found)
    assert all(error > 0 for value, error, _ in found if value > 0)


def test_only_what_was_split_has_an_error(built):
    for mart in ("observation", "former_observation"):
        found = built.rows(
            "select geo_method, count(*) filter (where split_share > 0), count(*) filter (where geo_se > 0),"
            " count(*) filter (where (split_share is null or geo_se is null) and value is not null)"
            f" from candidate.{mart} group by 1 order by 1"
        )
        methods = {method: rest for method, *rest in found}
        assert set(methods) == {"apportioned", "exact_merge", "observed"}
        assert methods["observed"] == methods["exact_merge"] == [0, 0, 0]
        assert methods["apportioned"][0] > 1000
        assert methods["apportioned"][1] > 1000
        assert methods["apportioned"][2] == 0


def test_a_unit_split_within_a_district_leaves_the_district_without_error(built):
    found = built.rows(
        "select place_level, max(split_share), max(geo_se) from candidate.observation"
        " where series_code = 'NP_POP' and period = '2011' and source_level = 'vdc' and place_level in"
        " ('district', 'country') and place_name not like 'Rukum%' and place_name not like 'Nawalparasi%'"
        " group by 1 order by 1"
    )
    assert found == [("country", 0, 0), ("district", 0, 0)]


def test_a_rate_without_its_parts_is_flagged_where_it_cannot_be_carried(built):
    found = built.rows(
        "select place_name, value, obs_status, split_share, geo_se, comment from candidate.observation"
        " where series_code = 'NP_LIFE_EXPECTANCY' and geo_method <> 'observed' order by 1"
    )
    assert [row[0] for row in found] == ["Nawalparasi East", "Nawalparasi West", "Rukum East", "Rukum West"]
    comment = "a mean without numerator and denominator is not carried to other boundaries"
    assert {row[1:] for row in found} == {(None, "M", None, None, comment)}
    assert not built.rows("select * from candidate.indicator_series where value is null")
    counted = built.rows(
        "select place_level, place_vintage, to_vintage, reason, figures, places from quality.not_carried"
        " where series_code = 'NP_LIFE_EXPECTANCY' and to_vintage = 'NP-2017'"
    )
    reason = "a figure without numerator and denominator is not shared out or added up"
    assert counted == [("district", "NP-2011", "NP-2017", reason, 2, 2)]


def test_figures_of_places_without_a_partner_are_counted(built):
    found = built.rows(
        "select place_level, place_vintage, to_vintage, reason, places from quality.not_carried"
        " where reason like 'no link%' group by 1, 2, 3, 4, 5 order by 1"
    )
    assert ("vdc", "NP-2011", "NP-2017", "no link leads from the place to NP-2017", 14) in found
    assert ("province", "NP-2017", "NP-2011", "no link leads from the place to NP-2011", 7) in found


def test_a_third_vintage_works_by_rows_of_seeds_alone(built):
    population = built.value(
        "select value from candidate.observation where place_id = 'NP-2017:district:73' and period = '2021'"
        f" and series_code = 'NP_POP' and source_level = 'district' and {TOTAL}"
    )
    taplejung, panchthar, ilam = (
        numerator
        for (numerator,) in built.rows(
            "select numerator from candidate.former_observation where series_code = 'NP_TOILET_NONE' and"
            " source_level = 'district' and place_id in ('NP-2011:district:01', 'NP-2011:district:02',"
            " 'NP-2011:district:03') order by place_id"
        )
    )
    found = {
        (name, series): rest
        for name, series, *rest in built.rows(
            "select place_name, series_code, geo_method, coalesce(numerator, value), split_share, geo_se"
            " from candidate.former_observation where place_vintage = 'NP-1990' and source_level = 'district'"
            f" and (series_code = 'NP_TOILET_NONE' or series_code = 'NP_POP' and period = '2021' and {TOTAL})"
        )
    }
    error = float(population) * math.sqrt(0.05**2 + built.value(SPREAD_OF_POPULATION) * 0.75 * 0.25)
    assert found == {
        ("East", "NP_TOILET_NONE"): ["exact_merge", taplejung + panchthar, 0, 0],
        ("South", "NP_TOILET_NONE"): ["observed", ilam, 0, 0],
        ("Nepal", "NP_TOILET_NONE"): ["exact_merge", taplejung + panchthar + ilam, 0, 0],
        ("East", "NP_POP"): ["apportioned", population * 3 / 4, 1, pytest.approx(error, abs=1e-6)],
        ("West", "NP_POP"): ["apportioned", population / 4, 1, pytest.approx(error, abs=1e-6)],
        # Divided within the country, it lies wholly in it.
        ("Nepal", "NP_POP"): ["exact_merge", population, 0, 0],
    }
    assert not built.rows("select * from candidate.observation where place_vintage = 'NP-1990'")


def test_a_wrong_weight_is_named_with_every_series_that_it_harms(built):
    change = (
        "update places.crosswalk set weight = weight + {} where (from_place_id, to_place_id) in"
        " (select from_place_id, min(to_place_id) from places.crosswalk where from_place_id in"
        " (select min(from_place_id) from places.crosswalk where basis = 'households' and"
        " from_place_id similar to '%(vdc|local_unit)%'"
        " group by split_part(from_place_id, ':', 1)) group by from_place_id)"
    )
    built.run(change.format("0.000000001"))
    try:
        transform.run_dbt(CARRYING, command="run")
        with pytest.raises(StatloomError) as weights:
            transform.run_dbt("weights_of_a_place_add_up_to_one", command="test")
        with pytest.raises(StatloomError) as sums:
            transform.run_dbt("nothing_is_lost_when_carried", command="test")
    finally:
        built.run(change.format("-0.000000001"))
        transform.run_dbt(CARRYING, command="run")
    for origin, onto in (("NP-2011:vdc", "NP-2017"), ("NP-2017:local_unit", "NP-2011")):
        pattern = rf"{origin}:\d+ to {onto} by households: weights add up to 1\.000000001"
        assert re.search(pattern, str(weights.value))
    for series, onto in (
        ("NP_TOILET_NONE of census_2011_toilet, 2011, reported by vdc", "NP-2017"),
        ("NP_POP of census_2021_population, 2021, reported by local_unit", "NP-2011"),
        ("NP_SEX_RATIO of census_2021_population, 2021, reported by local_unit", "NP-2011"),
    ):
        assert f"{series}, on places of {onto}" in str(sums.value)
    transform.run_dbt("nothing_is_lost_when_carried weights_of_a_place_add_up_to_one", command="test")
