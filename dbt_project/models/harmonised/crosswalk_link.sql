-- The crosswalk's links between vintages, each with the basis that a series is shared out on. Where a unit has no
-- weights for that basis, those of the next best stand in: households, then population, then area.
with basis (basis) as (
    select distinct apportion_basis from {{ ref('series') }}
),

link as (
    select
        origin.place_number as from_place,
        origin.place_vintage as from_vintage,
        origin.place_level as from_level,
        target.place_number as to_place,
        target.place_vintage as to_vintage,
        target.place_level as to_level,
        target.is_current,
        crosswalk.basis,
        crosswalk.weight,
        crosswalk.weight_se::numeric as weight_se
    from {{ ref('crosswalk') }} as crosswalk
    inner join {{ ref('place_number') }} as origin on origin.place_id = crosswalk.from_place_id
    inner join {{ ref('place_number') }} as target on target.place_id = crosswalk.to_place_id
    where
        origin.place_vintage <> target.place_vintage
        and (crosswalk.weight <> 0 or crosswalk.weight_se > 0)
),

chosen as (
    select distinct on (offered.from_place, offered.to_vintage, basis.basis)
        offered.from_place,
        offered.to_vintage,
        basis.basis,
        offered.basis as weight_basis
    from (select distinct from_place, to_vintage, basis from link) as offered
    cross join basis
    order by
        offered.from_place,
        offered.to_vintage,
        basis.basis,
        offered.basis = 'whole' desc,
        offered.basis = basis.basis desc,
        array_position(array['households', 'population', 'area'], offered.basis)
),

-- Whatever the basis: from how many units of one vintage a place is made.
made_of as (
    select to_place, from_vintage, count(distinct from_place) as units
    from link
    group by to_place, from_vintage
)

select
    link.from_place,
    link.to_place,
    link.to_vintage,
    chosen.basis,
    chosen.weight_basis,
    link.weight,
    link.weight_se,
    link.weight <> 1 or coalesce(link.weight_se > 0, false) as is_divided,
    -- The place goes on as it is: the whole of it, and nothing else.
    link.basis = 'whole' and link.from_level = link.to_level and made_of.units = 1 as is_same,
    link.is_current as is_to_today
from link
inner join chosen
    on chosen.from_place = link.from_place
    and chosen.to_vintage = link.to_vintage
    and chosen.weight_basis = link.basis
inner join made_of
    on made_of.to_place = link.to_place
    and made_of.from_vintage = link.from_vintage
