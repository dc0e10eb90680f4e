-- The preferred figure beside the best figure of every other source, where the two differ.
with other as (
    select distinct on (figure.cell_id, figure.place_id, figure.period, figure.source_id)
        preferred.observation_key,
        figure.observation_key as other_observation_key
    from {{ ref('figure') }} as figure
    inner join {{ ref('preferred') }} as preferred
        on preferred.cell_id = figure.cell_id
        and preferred.place_id = figure.place_id
        and preferred.period = figure.period
    inner join {{ ref('figure') }} as chosen
        on chosen.observation_key = preferred.observation_key
        and chosen.source_id <> figure.source_id
    where figure.is_current and figure.value is not null and chosen.value is not null
    order by
        figure.cell_id,
        figure.place_id,
        figure.period,
        figure.source_id,
        -- Like with like: what was carried from other units differs by the carrying alone.
        figure.source_level = chosen.source_level desc,
        array_position(array['observed', 'exact_merge', 'apportioned'], figure.geo_method),
        figure.observation_key
)

select
    preferred.observation_key,
    compared.observation_key as other_observation_key,
    preferred.series_code,
    preferred.indicator_code,
    preferred.goal,
    preferred.place_id,
    preferred.place_code,
    preferred.place_name,
    preferred.place_level,
    preferred.period,
    {{ breakdown_columns('preferred') }},
    preferred.unit,
    preferred.source_id,
    preferred.value,
    preferred.geo_method,
    compared.source_id as other_source_id,
    compared.value as other_value,
    compared.geo_method as other_geo_method,
    trim_scale(compared.value - preferred.value) as difference,
    trim_scale(round(100 * (compared.value - preferred.value) / nullif(abs(preferred.value), 0), 6))
        as difference_percent
from other
inner join {{ ref('observation') }} as preferred on preferred.observation_key = other.observation_key
inner join {{ ref('observation') }} as compared on compared.observation_key = other.other_observation_key
where compared.value <> preferred.value
