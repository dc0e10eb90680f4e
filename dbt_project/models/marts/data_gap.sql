with current_place as (
    select place.place_id, place.place_level
    from {{ ref('place') }} as place
    inner join {{ ref('place_vintage') }} as vintage
        on vintage.place_vintage = place.place_vintage and vintage.is_current
    where place.is_statistical
),

level as (
    select place_level, count(*) as places_expected
    from current_place
    group by place_level
),

-- What the framework promises: the total of every series, and each of its breakdowns alone.
promised as (
    select series.series_code, wanted.breakdown
    from {{ ref('series') }} as series
    cross join lateral (
        select '_T' as breakdown
        union all
        select upper(dimension)
        from unnest(string_to_array(nullif(series.breakdowns, ''), ' ')) as dimension
    ) as wanted
),

cell as (
    select
        cell_id,
        series_code,
        coalesce(nullif(concat_ws(
            ' ',
            {% for dimension in breakdown_dimensions() -%}
            case when {{ dimension }} <> '_T' then '{{ dimension | upper }}' end{{ ',' if not loop.last }}
            {% endfor %}
        ), ''), '_T') as breakdown
    from {{ ref('cell') }}
),

found as (
    select
        cell.series_code,
        place.place_level,
        cell.breakdown,
        figure.period,
        count(distinct figure.place_id) filter (where figure.value is not null) as places,
        count(distinct figure.place_id) filter (where figure.value is null) as places_held_back,
        count(distinct figure.place_id)
            filter (where figure.geo_method = 'observed' and figure.value is not null) as places_observed,
        string_agg(distinct figure.source_id, ', ' order by figure.source_id)
            filter (where figure.value is not null) as sources
    from {{ ref('figure') }} as figure
    inner join cell on cell.cell_id = figure.cell_id
    inner join current_place as place on place.place_id = figure.place_id
    where figure.is_current and (figure.value is not null or figure.gate_status = 'held back')
    group by 1, 2, 3, 4
),

grid as (
    select promised.series_code, level.place_level, promised.breakdown, coalesce(periods.period, '') as period
    from promised
    cross join level
    left join (select distinct series_code, period from found) as periods
        on periods.series_code = promised.series_code

    union

    select series_code, place_level, breakdown, period
    from found
)

select
    grid.series_code,
    series.title as series_title,
    series.indicator_code,
    target.goal,
    grid.place_level,
    grid.breakdown,
    grid.period,
    coalesce(found.places, 0)::integer as places,
    coalesce(found.places_observed, 0)::integer as places_observed,
    coalesce(found.places_held_back, 0)::integer as places_held_back,
    level.places_expected::integer as places_expected,
    coalesce(found.sources, '') as sources,
    coalesce(found.places, 0) = 0 as is_gap
from grid
inner join level on level.place_level = grid.place_level
inner join {{ ref('series') }} as series on series.series_code = grid.series_code
inner join {{ ref('indicator') }} as indicator on indicator.indicator_code = series.indicator_code
inner join {{ ref('target') }} as target on target.target = indicator.target
left join found
    on found.series_code = grid.series_code
    and found.place_level = grid.place_level
    and found.breakdown = grid.breakdown
    and found.period = grid.period
