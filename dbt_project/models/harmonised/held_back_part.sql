-- What the gates hold back, one row a source × series × period. `held back`: the part of the delivery in use has
-- failed, and its figures have no value. `newer delivery held back`: a whole later delivery has failed, and the figures
-- are those of the one in use.
with in_force as (
    select held.*
    from {{ source('quality', 'held_back') }} as held
    left join {{ source('landing', 'current_delivery') }} as delivery on delivery.source_id = held.source_id
    where
        -- What the raw gate held back of a delivery is true of it for as long as that delivery is in use.
        (held.gate = 'raw' and held.extent = 'part' and held.delivery_id = delivery.delivery_id and not held.judged_again)
        or (held.gate = 'raw' and held.extent = 'delivery' and held.lifted_at is null)
        or (held.gate = 'marts' and held.lifted_at is null and not held.on_trial)
),

by_extent as (
    select
        source_id,
        series_code,
        period,
        extent,
        string_agg(distinct expectation || ': ' || reason, '; ' order by expectation || ': ' || reason) as reason
    from in_force
    group by source_id, series_code, period, extent
)

select distinct on (source_id, series_code, period)
    source_id,
    series_code,
    period,
    case extent when 'part' then 'held back' else 'newer delivery held back' end as gate_status,
    reason as gate_reason
from by_extent
order by source_id, series_code, period, extent desc
