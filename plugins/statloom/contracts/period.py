"""Periods as sources write them, as SDMX time periods with their first and last day."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

TYPES = ("year", "quarter", "fiscal_year", "fiscal_year_bs")

# The day of July on which 1 Shrawan, the first day of Nepal's fiscal year, falls: one letter a Bikram Sambat
# year from 1975 on, a = 15, b = 16, c = 17 July of that year less 57. The calendar is fixed by observation
# and announced year by year; there is no formula. The days were compared between two independent tables
# (nepali- datetime 1.0.8.5, MIT, and bikram 2.1.4, MIT): they agree from 2001 to 2087 but for 2082, where the
# announced calendar (fiscal year 2082/83 began on 17 July 2025) decides for the first.
_FIRST_YEAR = 1975
_FIRST_OF_SHRAWAN = (
    "bbabbbabbbabbbabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbcbbbcbbbcbbbcbbbcbbbcbbbcbbccbbccbbcc"
    "bbccbbccbbccbbccbcccbbccbbccbcccbccc"
)
_DIGITS = str.maketrans("०१२३४५६७८९", "0123456789")


@dataclass(frozen=True)
class Period:
    """``period`` is the SDMX time period (for fiscal years the Gregorian year in which they begin),
    ``period_start`` and ``period_end`` its first and last day, ``time_detail`` the label as the source gave
    it."""

    period: str
    period_start: date
    period_end: date
    time_detail: str


def parse(label: str, kind: str, fiscal_year_start: str = "07-01") -> Period:
    """Return the period that ``label`` names.

    ``kind`` is one of `TYPES`; ``fiscal_year_start`` is the month and day (``MM-DD``) on which a Gregorian
    fiscal year begins. Devanagari digits are read. Raises ValueError when the label is no such period.
    """
    text = label.strip().translate(_DIGITS)
    reader = {
        "year": _year,
        "quarter": _quarter,
        "fiscal_year": lambda t: _fiscal_year(t, fiscal_year_start),
        "fiscal_year_bs": _fiscal_year_bs,
    }[kind]
    found = reader(text)
    if found is None:
        example = {
            "year": "2011",
            "quarter": "2011-Q3",
            "fiscal_year": "2014/15",
            "fiscal_year_bs": "2071/72",
        }
        raise ValueError(f"{label!r} is not a {kind.replace('_', ' ')} (as in {example[kind]!r})")
    financial = re.fullmatch(r"(\d{4})April", text)
    return Period(
        *found, f"{financial[1]}/{(int(financial[1]) + 1) % 100:02}" if financial else label.strip()
    )


def _year(text: str):
    match = re.fullmatch(r"(\d{4})(?:\.0)?", text)
    if not match or not int(match[1]) >= 1:
        return None
    year = int(match[1])
    return f"{year:04}", date(year, 1, 1), date(year, 12, 31)


def _quarter(text: str):
    match = re.fullmatch(r"(\d{4})[- ]?Q([1-4])", text, re.IGNORECASE)
    if not match or int(match[1]) in (0, 9999):
        return None
    year, quarter = int(match[1]), int(match[2])
    following = date(year + quarter // 4, quarter % 4 * 3 + 1, 1)
    return f"{year}-Q{quarter}", date(year, quarter * 3 - 2, 1), following - timedelta(days=1)


def _years(text: str) -> int | None:
    """Return the first year of ``2014/15``, ``2014/2015`` or ``2014-15``; None when the second does not
    follow.
    """
    match = re.fullmatch(r"(\d{4})\s*[/-]\s*(\d{4}|\d{2,3})", text)
    if not match:
        return None
    first, second = int(match[1]), match[2]
    follows = str(first + 1).endswith(second[-2:]) and (len(second) < 4 or int(second) == first + 1)
    return first if follows and first not in (0, 9999) else None


def _fiscal_year(text: str, start: str):
    first = _years(text)
    if first is None:
        return None
    month, day = map(int, start.split("-"))
    return f"{first:04}", date(first, month, day), date(first + 1, month, day) - timedelta(days=1)


def _fiscal_year_bs(text: str):
    # 2071April is DHIS2 on the Nepali calendar: the financial year that begins in that calendar's fourth
    # month, Shrawan. Registers name a fiscal year by the year alone in which it begins.
    named = re.fullmatch(r"(\d{4})(?:April)?", text)
    first = int(named[1]) if named else _years(text)
    if first is None or not 0 <= first - _FIRST_YEAR < len(_FIRST_OF_SHRAWAN) - 1:
        return None
    start = first_of_shrawan(first)
    return str(start.year), start, first_of_shrawan(first + 1) - timedelta(days=1)


def first_of_shrawan(year: int) -> date:
    """Return the Gregorian day of 1 Shrawan of the Bikram Sambat ``year`` (1975 to 2100)."""
    return date(year - 57, 7, 15 + "abc".index(_FIRST_OF_SHRAWAN[year - _FIRST_YEAR]))
