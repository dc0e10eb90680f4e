-- Figures by series and breakdown on the places to which they were carried.
select
    link.cell_id,
    carried.track_id,
    carried.place_number,
    carried.is_same,
    bool_and(link.is_additive) as is_additive,
    sum(carried.value) filter (where link.role = 'numerator') as numerator,
    sum(carried.value) filter (where link.role = 'denominator') as denominator,
    sum(carried.value) filter (where link.role = 'value') as value,
    case when count(*) = 1 then max(carried.se) end as se,
    case when count(*) = 1 then max(carried.ci_low) end as ci_low,
    case when count(*) = 1 then max(carried.ci_high) end as ci_high,
    sum(carried.n) filter (where link.role <> 'numerator') as n
from {{ ref('carried') }} as carried
inner join {{ ref('category_link') }} as link
    on link.category_id = carried.category_id
    and (link.is_additive or carried.is_same)
group by link.cell_id, carried.track_id, carried.place_number, carried.is_same
