select
    source_id,
    place_level,
    method,
    count(*) as place_references
from {{ source('places', 'place_reference') }}
group by source_id, place_level, method
