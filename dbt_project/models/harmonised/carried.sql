-- Figures by category on today's places. Counts are shared out by weight; everything else only goes where the
-- place itself goes on.
select
    placed.category_id,
    placed.period,
    placed.source_level,
    link.to_place_id as place_id,
    link.is_same,
    sum(placed.value * link.weight) as value,
    case when count(*) = 1 then max(placed.se) filter (where link.is_same) end as se,
    case when count(*) = 1 then max(placed.ci_low) filter (where link.is_same) end as ci_low,
    case when count(*) = 1 then max(placed.ci_high) filter (where link.is_same) end as ci_high,
    sum(placed.respondents) filter (where link.is_same) as n
from {{ ref('placed_row') }} as placed
inner join {{ ref('place_link') }} as link on link.from_place_id = placed.place_id
where
    placed.value is not null
    and placed.period is not null
    and placed.category_id in (select category_id from {{ ref('category_link') }})
group by 1, 2, 3, 4, 5
