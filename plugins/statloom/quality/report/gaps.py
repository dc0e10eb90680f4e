"""Which figures exist: series × level × period."""

from typing import Any

from statloom.quality.report.reading import Reader

_GAPS = """
    select goal, series_code, place_level, period, places, places_observed, places_expected, sources
    from marts.data_gap where breakdown = '_T'
    order by goal::text, series_code, places_expected, period
"""


def gaps(read: Reader) -> dict[str, Any]:
    """Return a row for each series and level of place.

    Keys: ``periods`` (all in which there is any figure, in order), ``levels`` (the coarsest first),
    ``goals``, ``sources`` and ``rows``: goal, series_code, place_level, ``expected`` (places), ``sources``,
    ``cells`` (for each period the number of places with a figure, None: a gap), ``filled`` (periods with a
    figure).
    """
    found = read.rows(_GAPS, "marts.data_gap")
    periods = sorted({row["period"] for row in found if row["places"]})
    position = {period: at for at, period in enumerate(periods)}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    expected: dict[str, int] = {}
    for cell in found:
        expected[cell["place_level"]] = cell["places_expected"]
        row = rows.setdefault(
            (cell["series_code"], cell["place_level"]),
            {
                "goal": str(cell["goal"]),
                "series_code": cell["series_code"],
                "place_level": cell["place_level"],
                "expected": cell["places_expected"],
                "sources": set(),
                "cells": [None] * len(periods),
                "filled": 0,
            },
        )
        if cell["places"]:
            row["cells"][position[cell["period"]]] = cell["places"]
            row["sources"] |= set(cell["sources"].split(", "))
            row["filled"] += 1
    of_series: dict[str, set[str]] = {}
    for row in rows.values():
        of_series.setdefault(row["series_code"], set()).update(row["sources"])
    for row in rows.values():
        # A source that has the series at all is looked for also where it has no figure.
        row["sources"] = sorted(of_series[row["series_code"]])
    ordered = sorted(rows.values(), key=lambda row: (_goal(row["goal"]), row["series_code"], row["expected"]))
    return {
        "periods": periods,
        "levels": sorted(expected, key=expected.get),
        "goals": sorted({row["goal"] for row in ordered}, key=_goal),
        "sources": sorted({source for row in ordered for source in row["sources"]}),
        "rows": ordered,
    }


def _goal(goal: str) -> tuple[int, str]:
    return (int(goal), "") if goal.isdigit() else (99, goal)
