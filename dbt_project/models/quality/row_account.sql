with outcome as (
    select
        delivery_id,
        sum(rows) filter (where stage is null) as rows_published,
        sum(rows) filter (where stage is distinct from 'place') as rows_placed,
        sum(rows) filter (where stage is null or stage in ('crosswalk', 'gate')) as rows_mapped
    from {{ ref('row_outcome') }}
    group by delivery_id
),

held_out as (
    select delivery_id, sum(rows) as rows_quarantined
    from {{ ref('quarantine') }}
    group by delivery_id
)

select
    delivery.source_id,
    delivery.delivery_id,
    delivery.rows_read as rows_in,
    coalesce(outcome.rows_published, 0)::bigint as rows_published,
    coalesce(held_out.rows_quarantined, 0)::bigint as rows_quarantined,
    coalesce(outcome.rows_placed, 0)::bigint as rows_placed,
    coalesce(outcome.rows_mapped, 0)::bigint as rows_mapped
from {{ source('landing', 'current_delivery') }} as delivery
left join outcome on outcome.delivery_id = delivery.delivery_id
left join held_out on held_out.delivery_id = delivery.delivery_id
