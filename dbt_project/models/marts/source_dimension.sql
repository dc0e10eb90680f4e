with series as (
    select source_id, string_agg(distinct series_code, ', ' order by series_code) as series_codes
    from {{ source('landing', 'series_mapping') }}
    group by source_id
),

-- Why a whole delivery is held back, in counts: what the log of its gate says has values of rows.
refused_parts as (
    select source_id, string_agg(distinct gate_reason, '; ' order by gate_reason) as reason
    from {{ ref('held_back_part') }}
    where gate_status = 'newer delivery held back'
    group by source_id
),

-- The parts as the marts were built without them; since when, as it is written down.
held_back as (
    select
        part.source_id,
        count(distinct (part.series_code, part.period)) as parts,
        string_agg(distinct part.gate_reason, '; ' order by part.gate_reason) as reason,
        max(written.since) as since
    from {{ ref('held_back_part') }} as part
    inner join {{ source('quality', 'held_back') }} as written
        on written.source_id = part.source_id
        and written.series_code = part.series_code
        and written.period = part.period
        and written.extent = 'part'
        and not written.judged_again
    where part.gate_status = 'held back'
    group by part.source_id
)

select
    source.source_id,
    source.contract -> 'title' ->> 'en' as title,
    source.contract -> 'title' ->> 'ne' as title_ne,
    source.contract ->> 'custodian' as custodian,
    source.contract ->> 'owner' as owner,
    source.contract ->> 'kind' as kind,
    coalesce((source.contract ->> 'synthetic')::boolean, false) as synthetic,
    source.contract ->> 'licence' as licence,
    source.contract ->> 'provenance' as provenance,
    source.contract ->> 'sensitivity' as sensitivity,
    source.contract -> 'place' ->> 'scheme' as place_scheme,
    (source.contract ->> 'maximum_age_days')::integer as maximum_age_days,
    (source.contract -> 'disclosure' ->> 'minimum_respondents')::integer as minimum_respondents,
    source.contract -> 'disclosure' ->> 'reason' as disclosure_reason,
    source.contract_sha256,
    delivery.sha256 as delivery_sha256,
    delivery.file_name as delivery_file_name,
    delivery.size_bytes as delivery_size_bytes,
    delivery.rows_read,
    delivery.rows_quarantined,
    series.series_codes,
    case
        when refused.status = 'held_back' then 'newer delivery held back'
        when refused.status = 'rejected' then 'newer delivery rejected'
        when held_back.parts > 0 then 'held back in part'
        when delivery.delivery_id is null then 'no delivery'
        else 'accepted'
    end as gate_status,
    case
        when refused.status = 'rejected' then 'the delivery cannot be read'
        when refused.status = 'held_back' then coalesce(refused_parts.reason, 'the delivery cannot be judged')
        else held_back.reason
    end as gate_reason,
    coalesce(refused.judged_at, held_back.since)::timestamp with time zone as gate_since,
    coalesce(held_back.parts, 0)::integer as parts_held_back,
    refused.sha256 as refused_sha256
from {{ source('landing', 'source') }} as source
left join {{ source('landing', 'current_delivery') }} as delivery on delivery.source_id = source.source_id
left join {{ source('landing', 'refused_delivery') }} as refused on refused.source_id = source.source_id
left join refused_parts on refused_parts.source_id = source.source_id
left join held_back on held_back.source_id = source.source_id
left join series on series.source_id = source.source_id
