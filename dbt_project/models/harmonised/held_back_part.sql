-- What the gates hold back, one row a source × series × period. `held back`: the part of the delivery in use has
-- failed, and its figures have no value. `newer delivery held back`: a whole later delivery has failed, and the figures
-- are those of the one in use.
with in_force as (
    select held.*
    from {{ source('quality', 'held_back') }} as held
    left join {{ source('landing', 'current_delivery') }} as delivery on delivery.source_id = held.source_id
    where
        held.lifted_at is null
        and not held.on_trial
        and (held.extent = 'delivery' or held.gate = 'marts' or held.delivery_id = delivery.delivery_id)
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
