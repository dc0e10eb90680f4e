-- Where the figures of each place go: to today's places, with a weight. `is_same`: the place goes on as it is, so
-- that what was reported for the one was observed on the other. A dissolved district keeps what was observed on it.
with current_place as (
    select place.place_id, place.place_level
    from {{ ref('place') }} as place
    inner join {{ ref('place_vintage') }} as vintage
        on vintage.place_vintage = place.place_vintage and vintage.is_current
),

carried as (
    select
        crosswalk.from_place_id,
        crosswalk.to_place_id,
        crosswalk.weight,
        origin.place_level = target.place_level and crosswalk.weight = 1 as is_same
    from {{ ref('crosswalk') }} as crosswalk
    inner join {{ ref('place') }} as origin on origin.place_id = crosswalk.from_place_id
    inner join current_place as target on target.place_id = crosswalk.to_place_id
    where crosswalk.from_place_id not in (select place_id from current_place)
)

select from_place_id, to_place_id, weight, is_same
from carried

union all

select place_id, place_id, 1::numeric, true
from current_place

union all

select place.place_id, place.place_id, 1::numeric, true
from {{ ref('place') }} as place
where
    place.place_level in ('country', 'province', 'district')
    and place.place_id not in (select place_id from current_place)
    and place.place_id not in (select from_place_id from carried where is_same)
