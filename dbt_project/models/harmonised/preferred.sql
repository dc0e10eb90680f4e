-- The one figure that stands for a series × breakdown on one of today's places in a period, of all that are there:
-- observed before merged before apportioned; then the level of reporting nearest to the place's; then the declared
-- order of sources; synthetic sources last.
with depth (place_level, depth) as (
    values ('country', 0), ('province', 1), ('district', 2), ('local_unit', 3), ('vdc', 4)
),

-- A contract is long: it is looked into once a source, not once a figure.
origin as materialized (
    select source_id, coalesce((contract ->> 'synthetic')::boolean, false) as synthetic
    from {{ source('landing', 'source') }}
),

chosen as (
    select distinct on (figure.cell_id, figure.place_id, figure.period)
        figure.observation_key,
        figure.cell_id,
        figure.place_id,
        figure.period
    from {{ ref('figure') }} as figure
    inner join {{ ref('cell') }} as cell on cell.cell_id = figure.cell_id
    inner join {{ ref('place') }} as place on place.place_id = figure.place_id
    inner join depth as place_depth on place_depth.place_level = place.place_level
    inner join depth as source_depth on source_depth.place_level = figure.source_level
    inner join origin on origin.source_id = figure.source_id
    left join {{ ref('source_preference') }} as preference
        on preference.series_code = cell.series_code and preference.source_id = figure.source_id
    where figure.is_current and figure.value is not null
    order by
        figure.cell_id,
        figure.place_id,
        figure.period,
        array_position(array['observed', 'exact_merge', 'apportioned'], figure.geo_method),
        abs(source_depth.depth - place_depth.depth),
        preference.preference nulls last,
        origin.synthetic,
        figure.source_id
)

select
    observation_key,
    cell_id,
    place_id,
    period,
    period = min(period) over (partition by cell_id, place_id) as is_first,
    period = max(period) over (partition by cell_id, place_id) as is_latest
from chosen
