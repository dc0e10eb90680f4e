"""The primary rule: a cell from fewer than the declared minimum of respondents is left out."""

REASON = "suppressed: to protect respondents"
"""Of a cell of a table that adds up, whether it breaks a rule itself or hides another."""
FEW = "suppressed: fewer than {minimum} respondents"
"""Of an estimate, which no sum gives back."""


def small(
    *, minimum: str, respondents: str, value: str, numerator: str, denominator: str, is_count: str
) -> str:
    """Return SQL that is true for a cell from fewer than ``minimum`` respondents, else false, never null.

    All arguments are SQL expressions over one row. Where ``respondents`` is known it alone decides.
    Otherwise the counts behind the cell do, if they are counts of units (``is_count``): a share is left out
    when its numerator, its denominator or the rest of the denominator is small, for each of them is a cell
    of the same table. A zero is not small: nobody is behind it.
    """

    def few(count: str) -> str:
        return f"(({count}) > 0 and ({count}) < {minimum})"

    alone = f"(({numerator}) is null and ({denominator}) is null and {few(value)})"
    counts = " or ".join((few(numerator), few(denominator), few(f"({denominator}) - ({numerator})"), alone))
    return (
        f"coalesce({minimum} > 0 and case when {respondents} is not null then {respondents} < {minimum} "
        f"else {is_count} and ({counts}) end, false)"
    )
