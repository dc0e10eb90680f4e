-- What leaves a place arrives in every other vintage to which the crosswalk leads, all of it, on each basis.
select
    from_place_id,
    split_part(to_place_id, ':', 1) as to_vintage,
    basis,
    sum(weight) as weight
from {{ ref('crosswalk') }}
group by from_place_id, split_part(to_place_id, ':', 1), basis
having sum(weight) <> 1
