-- Every figure of every source on every place that it reaches, its share computed anew from its parts.
with gathered as (
    select
        cell_id, source_id, source_level, place_id, period, numerator, denominator, value, se, ci_low, ci_high, n,
        false as lost_se
    from {{ ref('cell_figure') }}

    union all

    select
        cell_id, source_id, source_level, place_id, period, numerator, denominator, value, null, null, null, n,
        had_se
    from {{ ref('roll_up') }}
)

select
    md5(concat_ws(
        '|', cell.series_code, gathered.place_id, gathered.period, {{ breakdown_columns('cell') }},
        gathered.source_id, gathered.source_level
    ))::uuid as observation_key,
    gathered.cell_id,
    gathered.source_id,
    gathered.source_level,
    gathered.place_id,
    gathered.period,
    gathered.numerator,
    gathered.denominator,
    {{ computed_value('gathered', 'series') }} as value,
    gathered.se as se,
    gathered.ci_low as ci_low,
    gathered.ci_high as ci_high,
    gathered.n,
    gathered.lost_se,
    coverage.geo_method,
    coverage.units_reported,
    coverage.units_missing
from gathered
inner join {{ ref('cell') }} as cell on cell.cell_id = gathered.cell_id
inner join {{ ref('series') }} as series on series.series_code = cell.series_code
inner join {{ ref('coverage') }} as coverage
    on coverage.source_id = gathered.source_id
    and coverage.source_level = gathered.source_level
    and coverage.period = gathered.period
    and coverage.place_id = gathered.place_id
