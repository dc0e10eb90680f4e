"""The rules as SQL over an observation ``o``, joined to its rule, its kind and its contributions ``x``."""

from statloom import disclosure
from statloom.disclosure.rules import all_in_one, concentrated, protection
from statloom.publication.sql import literal

UNRELIABLE = "not published: too unreliable, by the quality bands of its framework"

KINDS = """
    with mapped as (
        -- A series of a source is a count of units when all the columns that it is made of are integers.
        select m.source_id, m.series_code,
            bool_and(coalesce(s.contract -> 'columns' -> m.measure ->> 'type', 'integer') = 'integer')
                as is_count,
            bool_or(exists (select from jsonb_each(s.contract -> 'columns') c
                where c.value ->> 'role' = 'contribution')) as is_magnitude,
            bool_and(jsonb_typeof(s.contract -> 'tabulation') = 'object'
                and s.contract -> 'tabulation' ->> 'weight' is null
                and coalesce(jsonb_typeof(s.contract -> 'estimation'), 'null') = 'null') as tabulated
        from landing.series_mapping m
        join landing.source s using (source_id)
        group by m.source_id, m.series_code
    ),
    -- What unit records add up to is a count when as many units stand behind it.
    counted as (
        select source_id, series_code, bool_and(n = coalesce(denominator, value)) as is_count
        from marts.observation
        where source_id in (select source_id from mapped where tabulated)
        group by source_id, series_code
    )
    select m.source_id, m.series_code, coalesce(m.tabulated, false) as tabulated,
        case when m.is_magnitude or (m.tabulated and not c.is_count) then 'magnitude'
            when m.is_count then 'count' else 'other' end as kind
    from mapped m
    left join counted c using (source_id, series_code)
"""
ADDITIVE = "o.se is null and (o.kind = 'magnitude' or (o.kind = 'count' and (o.n is null or o.tabulated)))"
_CONTRIBUTIONS = [f"x.contributions[{n}]" for n in range(1, 11)]
_MAGNITUDE = {
    "total": "case when o.kind = 'magnitude' then coalesce(o.numerator, o.value) end",
    "contributions": _CONTRIBUTIONS,
    "largest": "o.dominance_largest",
    "share": "o.dominance_share",
    "percent": "o.p_percent",
}
BROKEN = " or ".join(
    (
        disclosure.small(
            minimum="o.minimum_respondents",
            respondents="case when not (o.tabulated and o.kind = 'count') "
            "and not (o.kind = 'magnitude' and coalesce(o.numerator, o.value) = 0) then o.n end",
            value="o.value",
            numerator="o.numerator",
            denominator="o.denominator",
            is_count="(o.kind = 'count')",
        ),
        concentrated(**_MAGNITUDE),
        "coalesce(o.group_rule, false) and "
        + all_in_one(numerator="o.numerator", denominator="o.denominator", is_count="(o.kind = 'count')"),
    )
)
"""SQL: true for an observation that breaks a rule of its source."""
PROTECTION = f"case when {concentrated(**_MAGNITUDE)} then {protection(**_MAGNITUDE)} end"
"""SQL: how far above its value a concentrated total must be possible; null for others."""
REVISED = "revised since it was left out"
COMMENT = (
    "concat_ws('; ', case when quality_rule = 'withhold' and not is_primary then "
    f"{literal(UNRELIABLE)} when additive then {literal(disclosure.REASON)} "
    f"else format({literal(disclosure.FEW.format(minimum='%s'))}, minimum_respondents) end, "
    "case when revised then 'revised' end)"
)
"""SQL over a left-out candidate: what its row says. Of what adds up all rows say the same: which of them
break a rule would tell that they are small. That the figure is another one than before is said, because
nobody could see it."""
