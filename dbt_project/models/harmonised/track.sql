-- A short number for each source × level of reporting × period. Figures of different tracks are never added up.
with level (source_level) as (
    values ('country'), ('province'), ('district'), ('local_unit'), ('vdc')
),

numbered as (
    select
        row_number() over (order by period.source_id, period.period, level.source_level)::integer as track_id,
        period.source_id,
        period.period,
        level.source_level
    from (select distinct source_id, period from {{ source('landing', 'period') }}) as period
    cross join level
)

select
    numbered.track_id,
    numbered.source_id,
    numbered.source_level,
    numbered.period,
    period.label
from numbered
inner join {{ source('landing', 'period') }} as period
    on period.source_id = numbered.source_id and period.period = numbered.period
