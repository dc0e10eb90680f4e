"""Figures to recognise, from the real deliveries to the candidate marts."""

from decimal import Decimal

import pytest

pytestmark = pytest.mark.database

TODAY = "place_vintage = 'NP-2017'"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("place_level = 'country' and source_level = 'country'", 2069812),
        ("place_level = 'district' and source_level = 'district' and geo_method = 'observed'", 2069812),
        (f"place_level = 'district' and source_level = 'district' and {TODAY}", 2069812),
        (f"place_level = 'local_unit' and {TODAY}", 2066102),
        ("place_level = 'district' and source_level = 'vdc'", 2066102),
        ("place_level = 'province' and source_level = 'vdc'", 2066102),
        ("place_level = 'country' and source_level = 'vdc'", 2066102),
    ],
)
def test_households_without_a_toilet_add_up_exactly(built, where, expected):
    found = built.value(
        f"select sum(numerator) from candidate.observation where series_code = 'NP_TOILET_NONE' and {where}"
    )
    assert found == expected


@pytest.mark.parametrize(
    ("source", "sex", "level", "expected"),
    [
        ("census_2011_disability", "_T", "country", 26494504),
        ("census_2011_disability", "F", "country", 13645463),
        ("census_2011_disability", "M", "country", 12849041),
        ("census_2011_disability", "_T", "vdc", 26494504 - 276744),
        ("census_2011_age", "F", "country", 13645463 - 1417),
        ("census_2011_age", "M", "country", 12849041),
        ("census_2021_population", "_T", "country", 29192480),
        ("census_2021_population", "_T", "province", 29192480),
        ("census_2021_population", "_T", "district", 29192480 - 117490),
        ("census_2021_population", "_T", "local_unit", 29192480 - 117490),
    ],
)
def test_population_of_the_country_by_source_and_level_of_reporting(built, source, sex, level, expected):
    found = built.value(
        "select value from candidate.observation where series_code = 'NP_POP' and place_level = 'country'"
        " and age = '_T' and sex = :sex and source_id = :source and source_level = :level",
        sex=sex,
        source=source,
        level=level,
    )
    assert found == expected


@pytest.mark.parametrize("level", ["country", "district"])
def test_births_attended_by_skilled_personnel(built, level):
    found = built.rows(
        "select sum(numerator), sum(denominator) from candidate.observation"
        " where series_code = 'NP_BIRTHS_SKILLED' and place_level = :level and source_level = :level"
        " and place_vintage = 'NP-2017'",
        level=level,
    )
    assert found == [(314755, 349179)]


def test_age_groups_add_up_to_the_total(built):
    found = built.rows(
        "select place_id, source_level, sum(value) filter (where age <> '_T') as groups,"
        " sum(value) filter (where age = '_T') as total from candidate.observation"
        " where series_code = 'NP_POP' and source_id = 'census_2011_age' and sex = 'F' group by 1, 2"
    )
    assert len(found) > 80
    assert [row for row in found if row[2] != row[3]] == []


def test_shares_follow_from_their_parts(built):
    wrong = built.rows(
        "select observation_key from candidate.observation join candidate.indicator using (series_code)"
        " where denominator is not null and value is distinct from"
        " round(multiplier * numerator / nullif(denominator, 0), 6)"
    )
    shares = built.value("select count(*) from candidate.observation where denominator > 0")
    assert not wrong
    assert shares > 5000


def test_dissolved_districts_keep_what_was_observed_and_their_successors_share_it(built):
    found = built.rows(
        "select place_name, place_vintage, geo_method, obs_status, numerator from candidate.observation"
        " where series_code = 'NP_TOILET_NONE' and source_level = 'district' and place_level = 'district'"
        " and (geo_method <> 'observed' or place_vintage <> 'NP-2017') order by place_name"
    )
    kept = {row[0]: row[4] for row in found if row[1] == "NP-2011"}
    shared = {row[0]: row for row in found if row[1] == "NP-2017"}
    assert set(kept) == {"Nawalparasi", "Rukum"}
    assert len(shared) == 4
    assert {row[2:4] for row in shared.values()} == {("apportioned", "E")}
    for name, observed in kept.items():
        assert sum(row[4] for new, row in shared.items() if name[:5] in new) == observed


def test_a_rate_without_its_parts_stays_where_it_was_reported(built):
    found = built.rows(
        "select distinct geo_method, source_level = place_level from candidate.observation"
        " where series_code = 'NP_LIFE_EXPECTANCY' and value is not null"
    )
    assert found == [("observed", True)]
    places = built.value(
        "select count(*) from candidate.indicator_series where series_code = 'NP_LIFE_EXPECTANCY'"
    )
    assert places == 74  # the country and the 73 districts that went on


def test_standard_errors_travel_with_the_estimates(built):
    found = built.rows(
        "select count(*), count(se), count(cv), count(ci_low), count(n), bool_and(comment like 'synthetic%'),"
        " count(*) filter (where obs_status = 'U'),"
        " count(*) filter (where (obs_status = 'U') <> (cv > 0.165 or n < 30))"
        " from candidate.observation where source_id = 'synthetic_household_survey_2021' and value > 0"
    )
    count, se, cv, ci_low, n, synthetic, unreliable, inconsistent = found[0]
    assert count > 500
    assert count == se == cv == ci_low == n
    assert synthetic
    assert unreliable > 0
    assert inconsistent == 0


def test_what_is_made_up_says_so_in_its_title(built):
    titles = built.rows("select title from candidate.indicator where synthetic")
    assert titles
    assert all("synthetic" in title for (title,) in titles)
    mixed = built.rows(
        "select distinct series_code from candidate.observation join candidate.indicator using (series_code)"
        " join candidate.source using (source_id) where source.synthetic <> indicator.synthetic"
    )
    assert not mixed


def test_the_preferred_figure_is_one_a_cell(built):
    doubled = built.rows(
        "select series_code from candidate.indicator_series"
        " group by series_code, place_id, period, sex, age, urbanisation, income_wealth_quantile,"
        " education_lev, occupation, cust_breakdown, composite_breakdown, disability_status, activity,"
        " product having count(*) > 1"
    )
    assert not doubled
    chosen = built.rows(
        "select place_level, source_id, source_level, geo_method from candidate.indicator_series"
        " where series_code = 'NP_POP' and period = '2011' and sex = '_T' and age = '_T'"
        " and place_level <> 'local_unit' and place_name in ('Nepal', 'Taplejung', 'Koshi') order by 1"
    )
    assert chosen == [
        ("country", "census_2011_disability", "country", "observed"),
        ("district", "census_2011_disability", "district", "observed"),
        ("province", "census_2011_disability", "district", "exact_merge"),
    ]


def test_two_sources_that_differ_are_shown_beside_each_other(built):
    found = built.rows(
        "select other_source_id, difference from candidate.source_comparison where series_code = 'NP_POP'"
        " and place_level = 'country' and sex = 'F' and age = '_T'"
    )
    assert found == [("census_2011_age", -1417)]


def test_progress_compares_the_first_with_the_latest_period(built):
    found = built.rows(
        "select baseline_period, baseline_value, latest_period, latest_value, change, periods"
        " from candidate.sdg_progress where series_code = 'NP_POP' and place_level = 'country'"
    )
    assert found == [("2011", 26494504, "2021", 29192480, 29192480 - 26494504, 2)]


def test_fiscal_years_and_registers_on_the_nepali_calendar(built):
    found = built.rows(
        "select period, time_detail, period_start::text, value from candidate.observation"
        " where series_code = 'NP_COMPANIES' and place_level = 'country' and source_level = 'country'"
        " and cust_breakdown = '_T' and time_detail in ('2003', '2072') order by 1"
    )
    assert found == [
        ("1946", "2003", "1946-07-16", Decimal(2)),
        ("2015", "2072", "2015-07-17", Decimal(13133)),
    ]


def test_a_gap_is_a_row(built):
    found = built.rows(
        "select breakdown, places, places_observed, places_expected, is_gap from candidate.data_gap"
        " where series_code = 'NP_POP' and place_level = 'local_unit' and period = '2021' order by 1"
    )
    assert found == [("AGE", 0, 0, 753, True), ("SEX", 753, 753, 753, False), ("_T", 753, 753, 753, False)]


def test_differences_between_reported_and_added_up_are_shown(built):
    found = built.rows(
        "select rolled_up_from, reported, rolled_up, difference from quality.place_agreement"
        " where series_code = 'NP_TOILET_NONE' and place_level = 'country' and part = 'numerator'"
    )
    assert found == [("vdc", 2069812, 2066102, -3710)]


def test_units_that_did_not_report_are_said(built):
    comment = built.value(
        "select comment from candidate.observation where series_code = 'NP_TOILET_NONE'"
        " and place_level = 'country' and source_level = 'vdc'"
    )
    assert comment == "1 of 3966 places of level vdc not reported"
