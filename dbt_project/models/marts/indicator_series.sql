select observation.*
from {{ ref('observation') }} as observation
inner join {{ ref('preferred') }} as preferred on preferred.observation_key = observation.observation_key
