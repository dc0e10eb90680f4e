-- What share of a place's figures each place gets, of those it is linked to and of all that lie above them. A unit that
-- is divided between places of one district lies wholly in the district, and without error.
with parts as (
    select
        from_place,
        to_vintage,
        basis,
        count(*) as parts,
        sum(weight_se * weight_se) as variance,
        sum(weight * (1 - weight)) as spread
    from {{ ref('place_link') }}
    group by from_place, to_vintage, basis
),

above as (
    select
        link.from_place,
        ancestor.ancestor_number as to_place,
        link.to_vintage,
        link.basis,
        min(link.weight_basis) as weight_basis,
        sum(link.weight) as weight,
        count(*) as parts,
        count(link.weight_se) as parts_with_se,
        sum(link.weight_se * link.weight_se) as variance
    from {{ ref('place_link') }} as link
    inner join {{ ref('place_ancestor') }} as ancestor on ancestor.place_number = link.to_place
    group by link.from_place, ancestor.ancestor_number, link.to_vintage, link.basis
)

select from_place, to_place, basis, weight_basis, weight, weight_se, is_divided, is_same
from {{ ref('place_link') }}

union all

select
    above.from_place,
    above.to_place,
    above.basis,
    above.weight_basis,
    above.weight,
    case
        when above.weight = 1 then 0
        when above.parts_with_se < above.parts then null
        when above.parts = 1 then round(sqrt(above.variance), 9)
        -- What is in error on one side of a border is so on the other: the parts of a unit have variances in
        -- proportion to weight × (1 - weight), and covariances that make the whole of them certain.
        else round(sqrt(greatest(0, coalesce(
            above.weight * (1 - above.weight) * parts.variance / nullif(parts.spread, 0), above.variance
        ))), 9)
    end as weight_se,
    above.weight <> 1 as is_divided,
    false as is_same
from above
inner join parts
    on parts.from_place = above.from_place
    and parts.to_vintage = above.to_vintage
    and parts.basis = above.basis
