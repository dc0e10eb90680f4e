-- Where the figures of each place go, by the basis of the series: they stay on the place itself, and go to the places
-- of every other vintage to which the crosswalk leads. `is_same`: the place goes on as it is, so that what was reported
-- for the one was observed on the other. `is_today`: seen on today's places; a dissolved district keeps what was
-- observed on it there. No figures are published on former places without population (is_statistical).
with basis (basis) as (
    select distinct apportion_basis from {{ ref('series') }}
)

select
    from_place,
    to_place,
    to_vintage,
    basis,
    weight_basis,
    weight,
    weight_se,
    is_divided,
    is_same,
    is_to_today as is_today
from {{ ref('crosswalk_link') }}

union all

select
    place.place_number,
    place.place_number,
    place.place_vintage,
    basis.basis,
    'whole',
    1,
    0,
    false,
    true,
    place.is_current
    or (
        place.place_level in ('country', 'province', 'district')
        and place.place_number not in (
            select link.from_place from {{ ref('crosswalk_link') }} as link where link.is_same and link.is_to_today
        )
    )
from {{ ref('place_number') }} as place
cross join basis
where place.is_current or place.is_statistical
