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


def signed(value: float | None) -> str:
    """Say a difference: a number with its sign."""
    if value is None:
        return NOTHING
    return number(value) if not value > 0 else f"+{number(value)}"


def relative(value: float | None) -> str:
    """Say a share of one in percent, with as many decimals as it takes to tell a small one from nothing."""
    if value is None:
        return NOTHING
    percent = 100 * float(value)
    size = abs(percent)
    if 0 < size < 0.001:
        return f"{'under' if percent > 0 else 'over -'} 0.001 %".replace("- ", "-")
    return f"{percent:,.{1 if size >= 1 or size == 0 else 2 if size >= 0.1 else 3}f} %"
