-- Every place with each place above it in its own vintage.
with recursive ancestry as (
    select place_id, parent_id as ancestor_id
    from {{ ref('place') }}
    where parent_id is not null

    union all

    select ancestry.place_id, place.parent_id
    from ancestry
    inner join {{ ref('place') }} as place on place.place_id = ancestry.ancestor_id
    where place.parent_id is not null
)

select
    ancestry.place_id,
    ancestry.ancestor_id,
    place.place_number,
    ancestor.place_number as ancestor_number
from ancestry
inner join {{ ref('place_number') }} as place on place.place_id = ancestry.place_id
inner join {{ ref('place_number') }} as ancestor on ancestor.place_id = ancestry.ancestor_id
