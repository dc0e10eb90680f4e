"""Which figures exist: series × level × period."""

from typing import Any

from statloom.quality.report.reading import Reader, Rows

RECENT = 24
"""So many periods have a column of their own; of the earlier ones there is a count."""

_GAPS = """
    select goal, series_code, place_level, period, places, places_observed, places_expected, sources
    from marts.data_gap where breakdown = '_T'
    order by goal::text, series_code, places_expected, period
"""


def gaps(read: Reader) -> dict[str, Any]:
    """Return a row for each series and level of place.

    Keys: ``periods`` (all in which there is any figure, in order), ``earlier`` (so many of them are counted
    together), ``recent`` (the others), ``summary`` (goal × level: series with a figure), ``levels`` (the
    coarsest first), ``goals``, ``sources`` and ``rows``: goal, series_code, place_level, ``expected``
    (places), ``sources``, ``cells`` (for each period the number of places with a figure, None: a gap),
    ``filled`` (periods with a figure).
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
    levels = sorted(expected, key=expected.get)
    earlier = max(len(periods) - RECENT, 0)
    for row in ordered:
        row["filled_earlier"] = sum(cell is not None for cell in row["cells"][:earlier])
    return {
        "periods": periods,
        "earlier": earlier,
        "recent": periods[earlier:],
        "summary": _summary(ordered, levels),
        "levels": levels,
        "goals": sorted({row["goal"] for row in ordered}, key=_goal),
        "sources": sorted({source for row in ordered for source in row["sources"]}),
        "rows": ordered,
    }


def _summary(rows: Rows, levels: list[str]) -> Rows:
    """Return for each goal and level how many of its series have a figure in any period."""
    goals: dict[str, dict[str, dict[str, int]]] = {}
    for row in rows:
        of_goal = goals.setdefault(row["goal"], {level: {"series": 0, "found": 0} for level in levels})
        of_goal[row["place_level"]]["series"] += 1
        of_goal[row["place_level"]]["found"] += row["filled"] > 0
    return [{"goal": goal, "levels": list(found.values())} for goal, found in goals.items()]


def _goal(goal: str) -> tuple[int, str]:
    return (int(goal), "") if goal.isdigit() else (99, goal)
