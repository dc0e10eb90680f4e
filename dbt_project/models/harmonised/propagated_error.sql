-- The sampling error of counts that were added up or shared out over other places: sqrt( sum (weight × se)² ), where
-- the estimates are independent of each other, because each rests on strata with cases of its place alone. Of a single
-- estimate its own, times its weight. Elsewhere there is none: what estimates of one sample have in common is not known.
with sampled as (
    select distinct cell_id, track_id
    from {{ ref('cell_figure') }}
    where is_additive and (se is not null or lost_se)
)

select
    figure.cell_id,
    figure.track_id,
    reach.to_place as place_number,
    case
        when bool_and(figure.se is not null)
            and (count(*) = 1 or bool_and(coalesce(figure.own_strata in ('domain', 'place'), false)))
            then sqrt(sum((reach.weight::double precision * figure.se) ^ 2))
    end as se,
    -- Who of a divided unit lives where is not known.
    case when bool_and(reach.weight = 1) then sum(figure.n) end as n,
    case when count(*) = 1 and bool_and(reach.weight = 1) then max(figure.own_strata) end as own_strata
from {{ ref('cell_figure') }} as figure
inner join sampled on sampled.cell_id = figure.cell_id and sampled.track_id = figure.track_id
inner join {{ ref('place_reach') }} as reach
    on reach.from_place = figure.place_number
    and reach.basis = figure.basis
where not reach.is_same and figure.is_additive
group by figure.cell_id, figure.track_id, reach.to_place
