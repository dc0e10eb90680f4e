with series as (
    select source_id, string_agg(distinct series_code, ', ' order by series_code) as series_codes
    from {{ source('landing', 'series_mapping') }}
    group by source_id
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
    series.series_codes
from {{ source('landing', 'source') }} as source
left join {{ source('landing', 'current_delivery') }} as delivery on delivery.source_id = source.source_id
left join series on series.source_id = source.source_id
