"""Left-out cells that anyone can compute again: the only one missing in a sum whose other terms are
published.

This looks at one sum at a time. It does not solve the sums together, so that it finds the plain leaks and
proves no safety: see docs/decisions/disclosure-first-release.md.
"""

# ruff: noqa: S608  relations and columns are named by the calling module, never by data

from collections.abc import Sequence

PLACE = "place"


def recoverable(
    cells: str, places: str, *, dimensions: Sequence[str], apart: Sequence[str], total: str = "_T"
) -> str:
    """Return SQL for the recoverable cells: ``observation_key, dimension`` (a name of ``dimensions``, or
    ``place``).

    ``cells`` is a relation with ``observation_key, place_id, suppressed, additive``, the breakdown columns
    ``dimensions`` (``total`` marks the sum over a dimension) and the columns ``apart`` that keep tables apart
    (series, period, source). ``places`` is a relation with ``place_id, parent_id``.
    """
    sums = []
    for dimension in dimensions:
        rest = [name for name in dimensions if name != dimension]
        group = ", ".join(f"c.{name}" for name in (*apart, "place_id", *rest))
        sums.append(
            f"select min(c.observation_key::text) filter (where c.suppressed) as observation_key, "
            f"'{dimension}' as dimension from cells c group by {group} "
            f"having count(*) filter (where c.suppressed) = 1 and count(*) > 1 "
            f"and count(*) filter (where c.{dimension} = '{total}') = 1"
        )
    table = ", ".join(f"c.{name}" for name in (*apart, *dimensions))
    same = ", ".join((*apart, *dimensions))
    sums.append(
        f"select min(c.observation_key::text) filter (where c.suppressed) as observation_key, "
        f"'{PLACE}' as dimension from (select e.*, p.parent_id as sum_id, false as is_sum "
        f"from cells e join {places} p using (place_id) "
        f"union all select e.*, e.place_id as sum_id, true as is_sum from cells e) c "
        f"group by c.sum_id, {table} having count(*) filter (where c.suppressed) = 1 and bool_or(c.is_sum) "
        f"and bool_or(not c.is_sum)"
    )
    # A table without a left-out cell has nothing to find.
    relevant = f"select distinct {', '.join(apart)} from {cells} where suppressed and additive"
    return (
        f"with tables as ({relevant}), cells as (select {same}, c.place_id, c.observation_key, c.suppressed "
        f"from {cells} c join tables using ({', '.join(apart)}) where c.additive) "
        f"select observation_key, min(dimension) as dimension from ({' union all '.join(sums)}) s "
        f"group by observation_key"
    )
