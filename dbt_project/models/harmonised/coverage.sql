-- How each track's figures reach each place: from how many units, whole or in part, and how many are missing.
with reported as (
    select distinct track_id, place_number
    from {{ ref('placed_row') }}
    where
        value is not null
        and track_id is not null
        and category_id in (select category_id from {{ ref('category_link') }})
),

-- A unit that is split between two places of one district lies wholly in the district.
reach as (
    select from_place, to_place, weight, is_same
    from {{ ref('place_link') }}

    union all

    select
        link.from_place,
        ancestor.ancestor_number,
        sum(link.weight),
        false
    from {{ ref('place_link') }} as link
    inner join {{ ref('place_ancestor') }} as ancestor on ancestor.place_number = link.to_place
    group by link.from_place, ancestor.ancestor_number
),

described as (
    select
        reach.*,
        place.place_level as from_level,
        place.place_vintage as from_vintage,
        place.is_statistical
    from reach
    inner join {{ ref('place_number') }} as place on place.place_number = reach.from_place
),

expected as (
    select from_level, from_vintage, to_place, count(*) as units
    from described
    where is_statistical
    group by from_level, from_vintage, to_place
),

reached as (
    select
        reported.track_id,
        described.to_place,
        min(described.from_level) as from_level,
        min(described.from_vintage) as from_vintage,
        bool_and(described.is_same) as is_same,
        bool_and(described.weight = 1) as is_whole,
        count(*) as units_reported,
        count(*) filter (where described.is_statistical) as statistical_units
    from reported
    inner join described on described.from_place = reported.place_number
    group by reported.track_id, described.to_place
)

select
    reached.track_id,
    reached.to_place as place_number,
    case
        when reached.is_same then 'observed'
        when reached.is_whole then 'exact_merge'
        else 'apportioned'
    end as geo_method,
    reached.units_reported,
    coalesce(expected.units, 0) - reached.statistical_units as units_missing
from reached
left join expected
    on expected.to_place = reached.to_place
    and expected.from_level = reached.from_level
    and expected.from_vintage = reached.from_vintage
