-- What the gates hold back, as cells and tracks.
select
    cell.cell_id,
    track.track_id,
    part.gate_status,
    part.gate_reason
from {{ ref('held_back_part') }} as part
inner join {{ ref('cell') }} as cell on cell.series_code = part.series_code
inner join (
    select distinct track_id, source_id, period
    from {{ ref('track') }}
) as track
    on track.source_id = part.source_id and track.period = part.period
