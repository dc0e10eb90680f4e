-- The one figure that stands for a series × breakdown on one of today's places in a period, of all that are there:
-- where a preference_rule says cv, that with the least error by its value; observed before merged before apportioned; then the level of reporting nearest to the place's; then the declared
-- order of sources; synthetic sources last. A figure that is held back stands there only where no source has a value;
-- `held_back_sources`: whose figures are held back, so that another's stands in their place.
with depth (place_level, depth) as (
    values ('country', 0), ('province', 1), ('district', 2), ('local_unit', 3), ('vdc', 4)
),

-- A contract is long: it is looked into once a source, not once a figure.
origin as materialized (
    select
        source_id,
        coalesce((contract ->> 'synthetic')::boolean, false) as synthetic,
        contract ->> 'kind' as kind
    from {{ source('landing', 'source') }}
),

-- A series' own rule goes before its framework's.
by_cv as (
    select series.series_code
    from {{ ref('series') }} as series
    inner join {{ ref('preference_rule') }} as rule
        on rule.framework = series.global_or_national
        and coalesce(rule.series_code, series.series_code) = series.series_code
    group by series.series_code
    having (array_agg(rule.rule order by rule.series_code nulls last))[1] = 'cv'
),

chosen as (
    select distinct on (figure.cell_id, figure.place_id, figure.period)
        figure.observation_key,
        figure.cell_id,
        figure.place_id,
        figure.period,
        figure.source_id,
        figure.value is null as is_held_back
    from {{ ref('figure') }} as figure
    inner join {{ ref('cell') }} as cell on cell.cell_id = figure.cell_id
    inner join {{ ref('place') }} as place on place.place_id = figure.place_id
    inner join depth as place_depth on place_depth.place_level = place.place_level
    inner join depth as source_depth on source_depth.place_level = figure.source_level
    inner join origin on origin.source_id = figure.source_id
    left join {{ ref('source_preference') }} as preference
        on preference.series_code = cell.series_code and preference.source_id = figure.source_id
    left join by_cv on by_cv.series_code = cell.series_code
    where figure.is_current and (figure.value is not null or figure.gate_status = 'held back')
    order by
        figure.cell_id,
        figure.place_id,
        figure.period,
        figure.value is null,
        case
            when by_cv.series_code is not null
                then {{ figure_error('figure', 'origin.kind') }} / nullif(abs(figure.value), 0)::double precision
        end nulls last,
        array_position(array['observed', 'exact_merge', 'apportioned'], figure.geo_method),
        abs(source_depth.depth - place_depth.depth),
        preference.preference nulls last,
        origin.synthetic,
        figure.source_id
),

held_back as (
    select cell_id, place_id, period, string_agg(distinct source_id, ', ' order by source_id) as sources
    from {{ ref('figure') }}
    where is_current and gate_status = 'held back'
    group by cell_id, place_id, period
)

select
    chosen.observation_key,
    chosen.cell_id,
    chosen.place_id,
    chosen.period,
    chosen.period = min(chosen.period) over (partition by chosen.cell_id, chosen.place_id) as is_first,
    chosen.period = max(chosen.period) over (partition by chosen.cell_id, chosen.place_id) as is_latest,
    chosen.is_held_back,
    case when not chosen.is_held_back then held_back.sources end as held_back_sources
from chosen
left join held_back
    on held_back.cell_id = chosen.cell_id
    and held_back.place_id = chosen.place_id
    and held_back.period = chosen.period
