{#
  Figures, one a series × breakdown × track × place, with their shares computed anew from their parts and with what
  apportioning did to them. `where`: which of them, over `gathered`, `place` (place_number) and `coverage`.
  Besides, without a value, figures of parts that are held back which their delivery lacks and `mart` showed last.
#}
{% macro figure_rows(where, mart) -%}
with one_track as (
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
    place.is_current,
    track.period,
    gathered.numerator,
    gathered.denominator,
    {{ computed_value('gathered', 'series') }} as value,
    coalesce(gathered.se, propagated.se) as se,
    -- A sum of many independent errors is about normal.
    coalesce(gathered.ci_low, gathered.value::double precision - {{ normal_95() }} * propagated.se) as ci_low,
    coalesce(gathered.ci_high, gathered.value::double precision + {{ normal_95() }} * propagated.se) as ci_high,
    coalesce(gathered.n, propagated.n) as n,
    gathered.deff,
    coalesce(gathered.own_strata, propagated.own_strata) as own_strata,
    gathered.lost_se or (gathered.se is null and propagated.cell_id is not null and propagated.se is null) as lost_se,
    gathered.se is null and propagated.se is not null as is_propagated_se,
    gathered.is_without_parts,
    coverage.geo_method,
    {{ split_share('gathered', 'divided') }} as split_share,
    {{ geo_se('gathered', 'divided', 'series') }} as geo_se,
    coverage.other_basis,
    coverage.units_reported,
    coverage.units_missing,
    held_back.gate_status,
    held_back.gate_reason
from {{ ref('gathered_figure') }} as gathered
inner join {{ ref('cell') }} as cell on cell.cell_id = gathered.cell_id
inner join {{ ref('series') }} as series on series.series_code = cell.series_code
inner join {{ ref('place_number') }} as place on place.place_number = gathered.place_number
inner join one_track as track on track.track_id = gathered.track_id
inner join {{ ref('coverage') }} as coverage
    on coverage.track_id = gathered.track_id
    and coverage.place_number = gathered.place_number
    and coverage.basis = series.apportion_basis
left join {{ ref('held_back_cell') }} as held_back
    on held_back.cell_id = gathered.cell_id
    and held_back.track_id = gathered.track_id
left join {{ ref('divided_figure') }} as divided
    on divided.cell_id = gathered.cell_id
    and divided.track_id = gathered.track_id
    and divided.place_number = gathered.place_number
left join {{ ref('propagated_error') }} as propagated
    on propagated.cell_id = gathered.cell_id
    and propagated.track_id = gathered.track_id
    and propagated.place_number = gathered.place_number
where {{ where }}

union all

select
    good.observation_key,
    cell.cell_id,
    good.source_id,
    good.content ->> 'source_level',
    good.place_id,
    place.is_current,
    good.period,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    false,
    false,
    false,
    good.content ->> 'geo_method',
    null,
    null,
    null,
    null,
    null,
    part.gate_status,
    part.gate_reason
from {{ source('publication', 'last_good_value') }} as good
inner join {{ ref('held_back_part') }} as part
    on part.source_id = good.source_id
    and part.series_code = good.series_code
    and part.period = good.period
    and part.gate_status = 'held back'
inner join {{ ref('cell') }} as cell
    on cell.series_code = good.series_code
    {% for dimension in breakdown_dimensions() -%}
    and cell.{{ dimension }} = good.content ->> '{{ dimension }}'
    {% endfor -%}
inner join {{ ref('place_number') }} as place on place.place_id = good.place_id
where
    good.mart = '{{ mart }}'
    and not exists (
        select
        from {{ ref('gathered_figure') }} as gathered
        inner join one_track as track on track.track_id = gathered.track_id
        where
            gathered.cell_id = cell.cell_id
            and gathered.place_number = place.place_number
            and track.source_id = good.source_id
            and track.period = good.period
            and track.source_level = good.content ->> 'source_level'
    )
{%- endmacro %}
