-- Each combination of categories that a source's rows have, once: what follows works with its number.
with combination as (
    select distinct source_id, measure, category_key
    from {{ ref('staged_row') }}
)

select
    row_number() over (order by source_id, measure, category_key)::integer as category_id,
    source_id,
    measure,
    category_key,
    coalesce(jsonb_object(string_to_array(nullif(category_key, ''), chr(31))), '{}') as categories
from combination
