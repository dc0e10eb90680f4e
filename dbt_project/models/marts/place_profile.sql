with latest as (
    select observation_key, cell_id, place_id, period
    from {{ ref('preferred') }}
    where is_latest
),

country as (
    select preferred.cell_id, preferred.period, figure.value
    from {{ ref('preferred') }} as preferred
    inner join {{ ref('figure') }} as figure on figure.observation_key = preferred.observation_key
    inner join {{ ref('place') }} as place on place.place_id = preferred.place_id
    where place.place_level = 'country'
)

select
    series.observation_key,
    series.place_id,
    series.place_code,
    series.place_name,
    series.place_level,
    series.place_vintage,
    series.goal,
    series.indicator_code,
    series.series_code,
    framework.title as series_title,
    {{ breakdown_columns('series') }},
    series.period,
    series.time_detail,
    series.value,
    series.numerator,
    series.denominator,
    series.unit,
    country.value as country_value,
    series.se,
    series.cv,
    series.ci_low,
    series.ci_high,
    series.n,
    series.deff,
    series.quality_band,
    series.quality_rule,
    series.source_id,
    series.geo_method,
    series.obs_status,
    series.comment
from {{ ref('indicator_series') }} as series
inner join latest on latest.observation_key = series.observation_key
inner join {{ ref('series') }} as framework on framework.series_code = series.series_code
left join country on country.cell_id = latest.cell_id and country.period = latest.period
