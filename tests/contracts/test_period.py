import itertools
from datetime import date

import pytest

from statloom.contracts import period

CASES = [
    ("2011", "year", "2011", date(2011, 1, 1), date(2011, 12, 31)),
    (" 2011 ", "year", "2011", date(2011, 1, 1), date(2011, 12, 31)),
    ("2012-Q1", "quarter", "2012-Q1", date(2012, 1, 1), date(2012, 3, 31)),
    ("2011Q4", "quarter", "2011-Q4", date(2011, 10, 1), date(2011, 12, 31)),
    ("2014/15", "fiscal_year", "2014", date(2014, 7, 1), date(2015, 6, 30)),
    ("1999-2000", "fiscal_year", "1999", date(1999, 7, 1), date(2000, 6, 30)),
    # Announced first days of Nepal's fiscal years.
    ("2071/72", "fiscal_year_bs", "2014", date(2014, 7, 17), date(2015, 7, 16)),
    ("२०७१/७२", "fiscal_year_bs", "2014", date(2014, 7, 17), date(2015, 7, 16)),
    ("2072", "fiscal_year_bs", "2015", date(2015, 7, 17), date(2016, 7, 15)),
    ("2080/81", "fiscal_year_bs", "2023", date(2023, 7, 17), date(2024, 7, 15)),
    ("2081/082", "fiscal_year_bs", "2024", date(2024, 7, 16), date(2025, 7, 16)),
    ("2099/100", "fiscal_year_bs", "2042", date(2042, 7, 17), date(2043, 7, 16)),
]


@pytest.mark.parametrize(("label", "kind", "name", "first", "last"), CASES)
def test_periods(label, kind, name, first, last):
    found = period.parse(label, kind)
    assert (found.period, found.period_start, found.period_end) == (name, first, last)
    assert found.time_detail == label.strip()


def test_the_financial_year_of_a_health_system_is_shown_as_people_know_it():
    assert period.parse("2071April", "fiscal_year_bs").time_detail == "2071/72"


def test_a_fiscal_year_begins_where_the_contract_says():
    assert period.parse("2014/15", "fiscal_year", "04-01").period_start == date(2014, 4, 1)


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("11", "year"),
        ("2011.5", "year"),
        ("0000", "year"),
        ("2011-Q5", "quarter"),
        ("2014/16", "fiscal_year"),
        ("2014/2014", "fiscal_year"),
        ("207", "fiscal_year_bs"),
        ("1900/01", "fiscal_year_bs"),
        ("2100/01", "fiscal_year_bs"),
        ("", "year"),
    ],
)
def test_other_labels_are_no_periods(label, kind):
    with pytest.raises(ValueError, match="is not a"):
        period.parse(label, kind)


def test_nepals_fiscal_years_follow_each_other_without_gap():
    days = [period.first_of_shrawan(year) for year in range(1975, 2101)]
    lengths = {(b - a).days for a, b in itertools.pairwise(days)}
    assert lengths <= {364, 365, 366}
    assert days[0] == date(1918, 7, 16) and days[-1] == date(2043, 7, 17)
