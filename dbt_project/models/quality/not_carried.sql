with vintage_pair as (
    select distinct origin.place_vintage, link.to_vintage
    from {{ ref('crosswalk_link') }} as link
    inner join {{ ref('place_number') }} as origin on origin.place_number = link.from_place
),

ended as (
    select
        figure.cell_id,
        figure.track_id,
        place.place_id,
        place.place_level,
        place.place_vintage,
        pair.to_vintage,
        case
            when link.from_place is null then 'no link leads from the place to ' || pair.to_vintage
            else 'a figure without numerator and denominator is not shared out or added up'
        end as reason
    from {{ ref('cell_figure') }} as figure
    inner join {{ ref('place_number') }} as place on place.place_number = figure.place_number
    inner join vintage_pair as pair on pair.place_vintage = place.place_vintage
    left join (
        select from_place, to_vintage, basis, bool_and(is_same) as is_same
        from {{ ref('place_link') }}
        group by from_place, to_vintage, basis
    ) as link
        on link.from_place = figure.place_number
        and link.to_vintage = pair.to_vintage
        and link.basis = figure.basis
    where link.from_place is null or not (figure.is_additive or link.is_same)
)

select
    track.source_id,
    cell.series_code,
    ended.place_level,
    ended.place_vintage,
    ended.to_vintage,
    ended.reason,
    count(*) as figures,
    count(distinct ended.place_id) as places,
    min(ended.place_id) as example_place_id
from ended
inner join {{ ref('cell') }} as cell on cell.cell_id = ended.cell_id
inner join (select distinct track_id, source_id from {{ ref('track') }}) as track on track.track_id = ended.track_id
group by 1, 2, 3, 4, 5, 6
