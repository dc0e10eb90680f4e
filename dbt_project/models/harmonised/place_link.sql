-- Where the figures of each place go: to today's places, with a weight. `is_same`: the place goes on as it is, so
-- that what was reported for the one was observed on the other. A dissolved district keeps what was observed on it.
with carried as (
    select
        origin.place_number as from_place,
        target.place_number as to_place,
        crosswalk.weight,
        origin.place_level = target.place_level and crosswalk.weight = 1 as is_same
    from {{ ref('crosswalk') }} as crosswalk
    inner join {{ ref('place_number') }} as origin on origin.place_id = crosswalk.from_place_id
    inner join {{ ref('place_number') }} as target on target.place_id = crosswalk.to_place_id
    where target.is_current and not origin.is_current and crosswalk.basis in ('whole', 'households')
)

select from_place, to_place, weight, is_same
from carried

union all

select place_number, place_number, 1::numeric, true
from {{ ref('place_number') }}
where
    is_current
    or (
        place_level in ('country', 'province', 'district')
        and place_number not in (select from_place from carried where is_same)
    )
