with latest as (
    select observation_key, cell_id, place_id, period, is_held_back
    from {{ ref('preferred') }}
    where is_latest
),

-- Of a figure that is held back and was never published: the latest of an earlier period.
earlier as (
    select distinct on (latest.observation_key) latest.observation_key, before.period, figure.value
    from latest
    inner join {{ ref('preferred') }} as before
        on before.cell_id = latest.cell_id
        and before.place_id = latest.place_id
        and before.period < latest.period
    inner join {{ ref('figure') }} as figure on figure.observation_key = before.observation_key
    where latest.is_held_back and figure.value is not null
    order by latest.observation_key, before.period desc
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
    series.comment,
    series.gate_status,
    series.gate_reason,
    coalesce(series.last_good_value, earlier.value) as last_good_value,
    case when series.last_good_value is not null then series.period else earlier.period end as last_good_period,
    series.last_good_publication
from {{ ref('indicator_series') }} as series
inner join latest on latest.observation_key = series.observation_key
inner join {{ ref('series') }} as framework on framework.series_code = series.series_code
left join earlier on earlier.observation_key = series.observation_key
left join country on country.cell_id = latest.cell_id and country.period = latest.period
