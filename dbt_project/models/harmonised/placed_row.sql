-- Every staged row with its category, place and track, as numbers. place_number is null where the reference is not
-- resolved, track_id where that is so or the label is no period.
select
    staged.delivery_id,
    staged.row_number,
    category.category_id,
    place.place_number,
    track.track_id,
    staged.value,
    staged.se,
    staged.ci_low,
    staged.ci_high,
    staged.respondents,
    staged.deff,
    staged.own_strata
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
left join {{ ref('place_number') }} as place on place.place_id = reference.place_id
left join {{ ref('track') }} as track
    on track.source_id = staged.source_id
    and track.label = staged.period
    and track.source_level = place.place_level
