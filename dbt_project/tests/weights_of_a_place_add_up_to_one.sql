-- What leaves a place arrives somewhere in each vintage that it is linked to, all of it, whatever the basis.
select
    place.place_id,
    link.to_vintage,
    link.basis,
    sum(link.weight) as weight,
    place.place_id || ' to ' || link.to_vintage || ' by ' || link.basis || ': weights add up to ' || sum(link.weight)
        as message
from {{ ref('place_link') }} as link
inner join {{ ref('place_number') }} as place on place.place_number = link.from_place
group by place.place_id, link.to_vintage, link.basis
having sum(link.weight) <> 1
order by 1, 2, 3
