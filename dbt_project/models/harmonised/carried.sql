-- Figures on the places of other vintages, by the weights of the series' basis. Where the place itself goes on
-- (is_same) everything stays as it was; elsewhere a rate, mean or index without its parts has no value.
-- propagated_error has the standard errors there.
select
    figure.cell_id,
    figure.track_id,
    link.to_place as place_number,
    true as is_same,
    figure.is_additive,
    figure.numerator,
    figure.denominator,
    figure.value,
    figure.se,
    figure.ci_low,
    figure.ci_high,
    figure.n,
    figure.deff,
    figure.own_strata,
    figure.lost_se
from {{ ref('cell_figure') }} as figure
inner join {{ ref('place_link') }} as link
    on link.from_place = figure.place_number
    and link.basis = figure.basis
where link.is_same and link.from_place <> link.to_place

union all

select
    figure.cell_id,
    figure.track_id,
    link.to_place,
    false,
    bool_and(figure.is_additive),
    sum(figure.numerator * link.weight),
    sum(figure.denominator * link.weight),
    sum(figure.value * link.weight) filter (where figure.is_additive),
    null,
    null,
    null,
    null,
    null,
    null,
    false
from {{ ref('cell_figure') }} as figure
inner join {{ ref('place_link') }} as link
    on link.from_place = figure.place_number
    and link.basis = figure.basis
where not link.is_same
group by figure.cell_id, figure.track_id, link.to_place
