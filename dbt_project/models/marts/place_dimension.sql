with hlcit as (
    select place_id, min(place_code) as hlcit_code
    from {{ ref('place_code') }}
    where place_scheme = 'NP-HLCIT'
    group by place_id
),

above as (
    select
        ancestor.place_id,
        max(place.place_id) filter (where place.place_level = 'district') as district_id,
        max(place.place_name) filter (where place.place_level = 'district') as district_name,
        max(place.place_id) filter (where place.place_level = 'province') as province_id,
        max(place.place_name) filter (where place.place_level = 'province') as province_name
    from {{ ref('place_ancestor') }} as ancestor
    inner join {{ ref('place') }} as place on place.place_id = ancestor.ancestor_id
    group by ancestor.place_id
)

select
    place.place_id,
    split_part(place.place_id, ':', 3) as place_code,
    place.place_name,
    place.place_name_ne,
    place.place_level,
    place.place_vintage,
    place.place_type,
    place.parent_id,
    parent.place_name as parent_name,
    above.district_id,
    above.district_name,
    above.province_id,
    above.province_name,
    hlcit.hlcit_code,
    place.valid_from,
    place.valid_to,
    vintage.is_current,
    place.is_statistical
from {{ ref('place') }} as place
inner join {{ ref('place_vintage') }} as vintage on vintage.place_vintage = place.place_vintage
left join {{ ref('place') }} as parent on parent.place_id = place.parent_id
left join above on above.place_id = place.place_id
left join hlcit on hlcit.place_id = place.place_id
