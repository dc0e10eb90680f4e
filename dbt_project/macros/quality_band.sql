{#
  The band of an estimate: of its framework's bands the first whose highest coefficient of variation it does not exceed
  and whose least number of respondents it reaches. Null for what has no standard error.
#}
{% macro quality_band(figure, series) -%}
case
    when {{ figure }}.se is not null and {{ figure }}.value is not null
        then (
            select offered.band
            from {{ ref('quality_band') }} as offered
            where
                offered.framework = {{ series }}.global_or_national
                and (
                    offered.maximum_cv is null
                    or {{ figure }}.se <= offered.maximum_cv * abs({{ figure }}.value)::double precision
                )
                and (
                    offered.minimum_respondents is null
                    or {{ figure }}.n is null
                    or {{ figure }}.n >= offered.minimum_respondents
                )
            order by offered.maximum_cv nulls last, offered.minimum_respondents desc nulls last
            limit 1
        )
end
{%- endmacro %}


{#
  The error of a figure, from sampling and from apportioning, in the unit of its value; 0 for a full count, null where it
  is not known: also for an estimate whose cases are all alike, which says little of the others. `kind`: of the source.
#}
{% macro figure_error(figure, kind) -%}
case
    when
        {{ figure }}.value is null
        or {{ figure }}.lost_se
        or ({{ kind }} = 'survey' and coalesce({{ figure }}.se, 0) = 0)
        or {{ figure }}.geo_se is null
        then null
    else sqrt(coalesce({{ figure }}.se, 0) ^ 2 + {{ figure }}.geo_se ^ 2)
end
{%- endmacro %}
