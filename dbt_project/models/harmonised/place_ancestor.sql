-- Today's places and every place above them.
with recursive ancestry as (
    select place.place_id, place.parent_id as ancestor_id
    from {{ ref('place') }} as place
    inner join {{ ref('place_vintage') }} as vintage
        on vintage.place_vintage = place.place_vintage and vintage.is_current
    where place.parent_id is not null

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
