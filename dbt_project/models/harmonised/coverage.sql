-- How each source's figures reach each place: from how many units, whole or in part, and how many are missing.
with reported as (
    select distinct
        category.source_id,
        placed.source_level,
        placed.period,
        placed.place_id
    from {{ ref('placed_row') }} as placed
    inner join {{ ref('category') }} as category on category.category_id = placed.category_id
    where
        placed.value is not null
        and placed.period is not null
        and placed.category_id in (select category_id from {{ ref('category_link') }})
),

-- A unit that is split between two places of one district lies wholly in the district.
reach as (
    select from_place_id, to_place_id, weight, is_same
    from {{ ref('place_link') }}

    union all

    select
        link.from_place_id,
        ancestor.ancestor_id,
        sum(link.weight),
        false
    from {{ ref('place_link') }} as link
    inner join {{ ref('place_ancestor') }} as ancestor on ancestor.place_id = link.to_place_id
    group by 1, 2
),

expected as (
    select
        place.place_level as source_level,
        place.place_vintage,
        reach.to_place_id,
        count(*) as units
    from reach
    inner join {{ ref('place') }} as place on place.place_id = reach.from_place_id
    where place.is_statistical
    group by 1, 2, 3
),

reached as (
    select
        reported.source_id,
        reported.source_level,
        reported.period,
        reach.to_place_id as place_id,
        max(place.place_vintage) as place_vintage,
        bool_and(reach.is_same) as is_same,
        bool_and(reach.weight = 1) as is_whole,
        count(*) as units_reported,
        count(*) filter (where place.is_statistical) as statistical_units
    from reported
    inner join reach on reach.from_place_id = reported.place_id
    inner join {{ ref('place') }} as place on place.place_id = reported.place_id
    group by 1, 2, 3, 4
)

select
    reached.source_id,
    reached.source_level,
    reached.period,
    reached.place_id,
    case
        when reached.is_same then 'observed'
        when reached.is_whole then 'exact_merge'
        else 'apportioned'
    end as geo_method,
    reached.units_reported,
    coalesce(expected.units, 0) - reached.statistical_units as units_missing
from reached
left join expected
    on expected.source_level = reached.source_level
    and expected.place_vintage = reached.place_vintage
    and expected.to_place_id = reached.place_id
