"""How numbers are said in the report and its short text."""

import math

NOTHING = "–"


def share(part: float | None, whole: float | None) -> str:
    """Say ``part`` of ``whole`` in percent with one decimal; never 100 while something is missing."""
    if not whole or part is None:
        return NOTHING
    return f"{math.floor(1000 * part / whole) / 10:.1f} %"


def number(value: float | None) -> str:
    """Say a number with thousands separated, and with two decimals when it is not whole."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
