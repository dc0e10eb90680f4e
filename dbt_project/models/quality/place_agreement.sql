with part as (
    select
        figure.cell_id,
        figure.source_id,
        figure.place_id,
        figure.period,
        figure.source_level,
        figure.geo_method,
        part.part,
        part.amount
    from {{ ref('figure') }} as figure
    inner join {{ ref('cell') }} as cell on cell.cell_id = figure.cell_id
    inner join {{ ref('series') }} as series on series.series_code = cell.series_code
    cross join lateral (
        values
        ('value', case when figure.denominator is null then figure.value end),
        ('numerator', figure.numerator),
        ('denominator', figure.denominator)
    ) as part (part, amount)
    where part.amount is not null
)

select
    cell.series_code,
    reported.source_id,
    reported.place_id,
    place.place_name,
    place.place_level,
    reported.period,
    coalesce(nullif(concat_ws(
        ' ',
        {% for dimension in breakdown_dimensions() -%}
        case when cell.{{ dimension }} <> '_T' then '{{ dimension | upper }}=' || cell.{{ dimension }} end
        {{- ',' if not loop.last }}
        {% endfor %}
    ), ''), '_T') as breakdown,
    reported.part,
    rolled_up.source_level as rolled_up_from,
    trim_scale(reported.amount) as reported,
    trim_scale(rolled_up.amount) as rolled_up,
    trim_scale(rolled_up.amount - reported.amount) as difference
from part as reported
inner join part as rolled_up
    on rolled_up.cell_id = reported.cell_id
    and rolled_up.source_id = reported.source_id
    and rolled_up.place_id = reported.place_id
    and rolled_up.period = reported.period
    and rolled_up.part = reported.part
    and rolled_up.geo_method <> 'observed'
inner join {{ ref('cell') }} as cell on cell.cell_id = reported.cell_id
inner join {{ ref('place') }} as place on place.place_id = reported.place_id
where
    reported.geo_method = 'observed'
    and rolled_up.amount <> reported.amount
