{# The rows of a mart of observations, from a model of figures. #}
{% macro observation_rows(figures) -%}
with time_period as (
    select distinct on (source_id, period) source_id, period, period_start, period_end, time_detail
    from {{ source('landing', 'period') }}
    order by source_id, period, label
),

-- A contract is long: it is looked into once a source, not once a figure.
origin as materialized (
    select source_id, coalesce((contract ->> 'synthetic')::boolean, false) as synthetic
    from {{ source('landing', 'source') }}
)

select
    figure.observation_key,
    cell.series_code,
    series.indicator_code,
    target.goal,
    figure.place_id,
    split_part(figure.place_id, ':', 3) as place_code,
    place.place_name,
    place.place_level,
    place.place_vintage,
    figure.period,
    time_period.period_start,
    time_period.period_end,
    time_period.time_detail,
    {{ breakdown_columns('cell') }},
    figure.value,
    trim_scale(figure.numerator) as numerator,
    trim_scale(figure.denominator) as denominator,
    series.unit,
    figure.se,
    figure.se / nullif(abs(figure.value), 0)::double precision as cv,
    figure.ci_low,
    figure.ci_high,
    figure.n::bigint as n,
    figure.deff,
    band.band as quality_band,
    band.rule as quality_rule,
    figure.source_id,
    figure.source_level,
    figure.geo_method,
    figure.split_share,
    figure.geo_se,
    case
        when figure.value is null then 'M'
        when figure.geo_method = 'apportioned' then 'E'
        when band.rule in ('warn', 'withhold') then 'U'
        else 'A'
    end as obs_status,
    nullif(concat_ws(
        '; ',
        case when origin.synthetic then 'synthetic' end,
        case
            when figure.units_missing > 0
                then figure.units_missing || ' of ' || (figure.units_missing + figure.units_reported)
                    || ' places of level ' || figure.source_level || ' not reported'
        end,
        case
            when figure.is_without_parts
                then 'a ' || series.measure_type || ' without numerator and denominator is not carried to other boundaries'
        end,
        case when figure.other_basis is not null
            then 'shared out by ' || figure.other_basis || ': no weights by ' || series.apportion_basis
        end,
        case
            when figure.lost_se
                then 'no standard error: made of several estimates that are not known to be independent'
        end,
        case when figure.is_propagated_se then 'standard error from those of independent estimates' end,
        case when band.rule in ('warn', 'withhold') then band.title end
    ), '') as comment
from {{ figures }} as figure
inner join {{ ref('cell') }} as cell on cell.cell_id = figure.cell_id
inner join {{ ref('series') }} as series on series.series_code = cell.series_code
inner join {{ ref('indicator') }} as framework on framework.indicator_code = series.indicator_code
inner join {{ ref('target') }} as target on target.target = framework.target
inner join {{ ref('place') }} as place on place.place_id = figure.place_id
inner join origin on origin.source_id = figure.source_id
left join {{ ref('quality_band') }} as band
    on band.framework = series.global_or_national
    and band.band = {{ quality_band('figure', 'series') }}
inner join time_period
    on time_period.source_id = figure.source_id and time_period.period = figure.period
{%- endmacro %}
