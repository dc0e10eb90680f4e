-- A short number for each place, to sort and join half a million rows by. It means nothing outside this schema.
select
    row_number() over (order by place.place_id)::integer as place_number,
    place.place_id,
    place.place_level,
    place.place_vintage,
    place.is_statistical,
    vintage.is_current
from {{ ref('place') }} as place
inner join {{ ref('place_vintage') }} as vintage on vintage.place_vintage = place.place_vintage
