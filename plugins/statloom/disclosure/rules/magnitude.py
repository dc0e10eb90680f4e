"""Rules for totals of unequal contributions: (n, k) dominance and p %.

A. Hundepool et al.: Statistical Disclosure Control (Wiley 2012), chapter 4.
"""

from collections.abc import Sequence


def concentrated(*, total: str, contributions: Sequence[str], largest: str, share: str, percent: str) -> str:
    """Return SQL that is true for a total that a few contributors make, else false, never null.

    All arguments are SQL expressions over one row: the ``total``; the ``contributions`` to it, the largest
    first; of the (n, k) rule n (``largest``) and k per cent (``share``); ``percent`` of the p % rule. A rule
    whose numbers are null is not applied. A total other than zero whose contributions are not known is
    taken for concentrated, where a rule asks for them.
    """
    parts = [f"coalesce(({given})::numeric, 0)" for given in contributions]
    first = parts[0] if parts else "null::numeric"
    second = parts[1] if len(parts) > 1 else "0"
    top = " ".join(f"when {n} then {' + '.join(parts[:n])}" for n in range(1, len(parts) + 1))
    leading = f"case ({largest})::integer {top} end" if parts else "null::numeric"
    known = f"({contributions[0]}) is not null" if parts else "false"
    dominated = f"({leading}) > ({share})::numeric / 100 * ({total})::numeric"
    near = f"({total})::numeric - {first} - {second} < ({percent})::numeric / 100 * {first}"
    return (
        f"coalesce(({total}) <> 0 and (({largest}) is not null or ({percent}) is not null) and "
        f"(not {known} or (({largest}) is not null and coalesce({dominated}, true)) "
        f"or (({percent}) is not null and {near})), false)"
    )


def protection(*, total: str, contributions: Sequence[str], largest: str, share: str, percent: str) -> str:
    """Return SQL for how far above its value a concentrated total must be possible, so that the rule that it
    breaks no longer holds for what is then known of its largest contributor; null where no rule is broken.

    (n, k): 100 / k of the n largest less the total. p %: p per cent of the largest less what the others
    besides the two largest make (Hundepool et al., table 4.2). At least a hundredth of the total.
    """
    parts = [f"coalesce(({given})::numeric, 0)" for given in contributions] or ["0"]
    second = parts[1] if len(parts) > 1 else "0"
    top = " ".join(f"when {n} then {' + '.join(parts[:n])}" for n in range(1, len(parts) + 1))
    by_share = f"100 / ({share})::numeric * (case ({largest})::integer {top} end) - ({total})::numeric"
    by_percent = f"({percent})::numeric / 100 * {parts[0]} - (({total})::numeric - {parts[0]} - {second})"
    return f"greatest({by_share}, {by_percent}, 0.01 * abs(({total})::numeric))"
