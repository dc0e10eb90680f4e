-- Figures by category on today's places. Counts are shared out by weight; a rate without its parts, and a standard
-- error, only stay what they are where the place itself goes on (is_same).
select
    placed.category_id,
    placed.track_id,
    link.to_place as place_number,
    link.is_same,
    sum(placed.value * link.weight) as value,
    case when link.is_same and count(*) = 1 then max(placed.se) end as se,
    case when link.is_same and count(*) = 1 then max(placed.ci_low) end as ci_low,
    case when link.is_same and count(*) = 1 then max(placed.ci_high) end as ci_high,
    case when link.is_same then sum(placed.respondents) end as n
from {{ ref('placed_row') }} as placed
inner join {{ ref('place_link') }} as link on link.from_place = placed.place_number
where
    placed.value is not null
    and placed.track_id is not null
    and placed.category_id in (select category_id from {{ ref('category_link') }})
group by placed.category_id, placed.track_id, link.to_place, link.is_same
