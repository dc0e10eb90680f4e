-- A contract that feeds a series which the framework does not have would lose its rows.
select mapping.source_id, mapping.series_code
from {{ source('landing', 'series_mapping') }} as mapping
left join {{ ref('series') }} as series on series.series_code = mapping.series_code
where series.series_code is null
group by mapping.source_id, mapping.series_code
