-- Totals only: breakdowns are in indicator_series. A series that has one period has no change yet.
with total_cell as (
    select cell_id, series_code
    from {{ ref('cell') }}
    where '_T' = all (array[{{ breakdown_columns('cell') }}])
),

ends as (
    select
        total_cell.series_code,
        preferred.place_id,
        (array_agg(preferred.observation_key) filter (where preferred.is_first))[1] as baseline_key,
        (array_agg(preferred.observation_key) filter (where preferred.is_latest))[1] as latest_key,
        count(*) as periods
    from {{ ref('preferred') }} as preferred
    inner join total_cell on total_cell.cell_id = preferred.cell_id
    group by total_cell.series_code, preferred.place_id
)

select
    ends.series_code,
    series.title as series_title,
    series.indicator_code,
    target.goal,
    latest.place_id,
    latest.place_code,
    latest.place_name,
    latest.place_level,
    series.unit,
    series.direction,
    ends.periods::integer as periods,
    baseline.period as baseline_period,
    baseline.value as baseline_value,
    baseline.source_id as baseline_source_id,
    baseline.geo_method as baseline_geo_method,
    latest.period as latest_period,
    latest.value as latest_value,
    latest.source_id as latest_source_id,
    latest.geo_method as latest_geo_method,
    case when ends.periods > 1 then latest.value - baseline.value end as change,
    case
        when ends.periods > 1
            then trim_scale(round(100 * (latest.value - baseline.value) / nullif(abs(baseline.value), 0), 6))
    end as change_percent,
    case
        when ends.periods = 1 and latest.gate_status is distinct from 'held back' then 'one period'
        when 'held back' in (latest.gate_status, baseline.gate_status) then 'held back'
        when latest.value is null or baseline.value is null then 'missing'
        when series.direction = 'none' then 'no direction'
        when latest.value = baseline.value then 'unchanged'
        when (latest.value > baseline.value) = (series.direction = 'increase') then 'improved'
        else 'worsened'
    end as assessment
from ends
inner join {{ ref('series') }} as series on series.series_code = ends.series_code
inner join {{ ref('indicator') }} as indicator on indicator.indicator_code = series.indicator_code
inner join {{ ref('target') }} as target on target.target = indicator.target
inner join {{ ref('indicator_series') }} as baseline on baseline.observation_key = ends.baseline_key
inner join {{ ref('indicator_series') }} as latest on latest.observation_key = ends.latest_key
