with pair as (
    select
        reported.cell_id,
        reported.source_id,
        reported.place_id,
        reported.period,
        rolled_up.source_level as rolled_up_from,
        part.part,
        part.reported,
        part.rolled_up
    from {{ ref('figure') }} as reported
    inner join {{ ref('figure') }} as rolled_up
        on rolled_up.place_id = reported.place_id
        and rolled_up.cell_id = reported.cell_id
        and rolled_up.source_id = reported.source_id
        and rolled_up.period = reported.period
    cross join lateral (
        values
        (
            'value',
            case when reported.denominator is null then reported.value end,
            case when rolled_up.denominator is null then rolled_up.value end
        ),
        ('numerator', reported.numerator, rolled_up.numerator),
        ('denominator', reported.denominator, rolled_up.denominator)
    ) as part (part, reported, rolled_up)
    where
        reported.geo_method = 'observed'
        and rolled_up.geo_method <> 'observed'
        and part.reported <> part.rolled_up
)

select
    cell.series_code,
    pair.source_id,
    pair.place_id,
    place.place_name,
    place.place_level,
    pair.period,
    coalesce(nullif(concat_ws(
        ' ',
        {% for dimension in breakdown_dimensions() -%}
        case when cell.{{ dimension }} <> '_T' then '{{ dimension | upper }}=' || cell.{{ dimension }} end
        {{- ',' if not loop.last }}
        {% endfor %}
    ), ''), '_T') as breakdown,
    pair.part,
    pair.rolled_up_from,
    trim_scale(pair.reported) as reported,
    trim_scale(pair.rolled_up) as rolled_up,
    trim_scale(pair.rolled_up - pair.reported) as difference
from pair
inner join {{ ref('cell') }} as cell on cell.cell_id = pair.cell_id
inner join {{ ref('place') }} as place on place.place_id = pair.place_id
