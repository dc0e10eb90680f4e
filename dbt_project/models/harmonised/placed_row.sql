-- Every staged row with its category, place and SDMX time period. place_id is null where the reference is not
-- resolved, period where the label is no period.
select
    staged.delivery_id,
    staged.row_number,
    category.category_id,
    reference.place_id,
    place.place_level as source_level,
    period.period,
    staged.value,
    staged.se,
    staged.ci_low,
    staged.ci_high,
    staged.respondents
from {{ ref('staged_row') }} as staged
inner join {{ ref('category') }} as category
    on category.source_id = staged.source_id
    and category.measure = staged.measure
    and category.category_key = staged.category_key
left join {{ source('places', 'place_reference') }} as reference
    on reference.source_id = staged.source_id
    and reference.place_scheme = staged.place_scheme
    and reference.place_level = staged.place_level
    and reference.place_code = staged.place_code
    and reference.place_name = staged.place_name
    and reference.place_parent = staged.place_parent
left join {{ source('landing', 'period') }} as period
    on period.source_id = staged.source_id
    and period.label = staged.period
left join {{ ref('place') }} as place on place.place_id = reference.place_id
