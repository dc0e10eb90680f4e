-- What leaves a place arrives somewhere, all of it. A dissolved district also keeps what was observed on it.
select link.from_place, sum(link.weight) as weight
from {{ ref('place_link') }} as link
inner join {{ ref('place_number') }} as target on target.place_number = link.to_place
where target.is_current
group by link.from_place
having sum(link.weight) <> 1
