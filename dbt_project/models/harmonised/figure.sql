-- Every figure of every source on every place that it reaches, its share computed anew from its parts.
with gathered as (
    select
        cell_id, track_id, place_number, numerator, denominator, value, se, ci_low, ci_high, n,
        false as lost_se
    from {{ ref('cell_figure') }}

    union all

    select cell_id, track_id, place_number, numerator, denominator, value, null, null, null, n, lost_se
    from {{ ref('roll_up') }}
),

one_track as (
    select distinct track_id, source_id, source_level, period
    from {{ ref('track') }}
)

select
    md5(concat_ws(
        '|', cell.series_code, place.place_id, track.period, {{ breakdown_columns('cell') }},
        track.source_id, track.source_level
    ))::uuid as observation_key,
    gathered.cell_id,
    track.source_id,
    track.source_level,
    place.place_id,
    track.period,
    gathered.numerator,
    gathered.denominator,
    {{ computed_value('gathered', 'series') }} as value,
    gathered.se,
    gathered.ci_low,
    gathered.ci_high,
    gathered.n,
    gathered.lost_se,
    coverage.geo_method,
    coverage.units_reported,
    coverage.units_missing
from gathered
inner join {{ ref('cell') }} as cell on cell.cell_id = gathered.cell_id
inner join {{ ref('series') }} as series on series.series_code = cell.series_code
inner join {{ ref('place_number') }} as place on place.place_number = gathered.place_number
inner join one_track as track on track.track_id = gathered.track_id
inner join {{ ref('coverage') }} as coverage
    on coverage.track_id = gathered.track_id
    and coverage.place_number = gathered.place_number
