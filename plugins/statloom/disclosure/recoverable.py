"""Left-out cells that anyone can compute again: the only one missing in a sum whose other terms are
published.

This looks at one sum at a time. It does not solve the sums together: it finds the plain leaks and proves no
safety: releases look with it a second time at what the protection of whole systems has chosen.
"""

# ruff: noqa: S608  relations and columns are named by the calling module, never by data

from collections.abc import Sequence

PLACE = "place"


def recoverable(
    cells: str, places: str, *, dimensions: Sequence[str], apart: Sequence[str], total: str = "_T"
) -> str:
    """Return SQL for the recoverable cells: ``observation_key, dimension, companion``.

    ``dimension`` is the one summed over (of ``dimensions``, or ``place``); ``companion`` is the smallest
    published cell of the same sum that is not zero, by which the cell could be hidden, or null.

    ``cells`` is a relation with ``observation_key, place_id, amount, additive, suppressed``, the breakdown
    columns ``dimensions`` (``total`` marks the sum over a dimension) and the columns ``apart`` that keep
    tables apart (series, period, source). ``places`` is a relation with ``place_id, parent_id``. A sum that
    the amounts do not bear out gives nothing back; one whose missing amount is not given is believed.
    """
    same = ", ".join((*apart, *dimensions))
    found = (
        "select min(c.observation_key::text) filter (where c.suppressed) as observation_key, "
        "'{dimension}' as dimension, (array_agg(c.observation_key::text order by {is_sum}, c.amount, "
        "c.observation_key) filter (where not c.suppressed and c.amount > 0))[1] as companion "
        "from {relation} c group by {group} having count(*) filter (where c.suppressed) = 1 "
        "and bool_or({is_sum}) and bool_or(not {is_sum}) "
        "and coalesce(abs(sum(case when {is_sum} then c.amount else -c.amount end)) "
        "<= 1e-6 * greatest(1, max(abs(c.amount))) or bool_or(c.suppressed and c.amount is null), true)"
    )
    sums = [
        found.format(
            dimension=dimension,
            relation="cells",
            is_sum=f"(c.{dimension} = '{total}')",
            group=", ".join(
                f"c.{name}" for name in (*apart, "place_id", *(d for d in dimensions if d != dimension))
            ),
        )
        for dimension in dimensions
    ]
    terms = (
        f"(select e.*, p.parent_id as sum_id, false as is_sum from cells e join {places} p using (place_id) "
        "union all select e.*, e.place_id, true from cells e)"
    )
    sums.append(
        found.format(
            dimension=PLACE,
            relation=terms,
            is_sum="c.is_sum",
            group=", ".join(f"c.{name}" for name in ("sum_id", *apart, *dimensions)),
        )
    )
    # A table without a left-out cell has nothing to find.
    relevant = f"select distinct {', '.join(apart)} from {cells} where suppressed and additive"
    return (
        f"with tables as ({relevant}), cells as (select {same}, c.place_id, c.observation_key, c.amount, "
        f"c.suppressed from {cells} c join tables using ({', '.join(apart)}) where c.additive) "
        f"select distinct on (observation_key) observation_key, dimension, companion "
        f"from ({' union all '.join(sums)}) s order by observation_key, companion is null, dimension"
    )
