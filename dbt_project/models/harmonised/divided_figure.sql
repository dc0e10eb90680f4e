-- What came to a figure from units that were divided, and how wrong the dividing may be: for each unit the standard
-- error of its weight, times what it reported. Units are taken to err independently of each other.
-- A part (n of d) is not spread within a unit as the whole is: where it has n (d - n) > 0, that adds to its variance
-- in proportion to it and to weight × (1 - weight). How much was measured (docs/decisions/0034-places-errors.md).
select
    figure.cell_id,
    figure.track_id,
    reach.to_place as place_number,
    sum(figure.denominator * reach.weight) as denominator,
    sum(figure.value * reach.weight) as value,
    bool_and(reach.weight_se is not null) as is_error_known,
    sum(reach.weight_se * reach.weight_se * figure.value * figure.value) as value_variance,
    sum(
        reach.weight_se * reach.weight_se * figure.numerator * figure.numerator
        + {{ (var('part_spread') * var('part_spread')) | round(6) }} * reach.weight * (1 - reach.weight)
        * greatest(0, figure.numerator * (figure.denominator - figure.numerator))
    ) as numerator_variance,
    sum(reach.weight_se * reach.weight_se * figure.numerator * figure.denominator) as covariance,
    sum(reach.weight_se * reach.weight_se * figure.denominator * figure.denominator) as denominator_variance
from {{ ref('cell_figure') }} as figure
inner join {{ ref('place_reach') }} as reach
    on reach.from_place = figure.place_number
    and reach.basis = figure.basis
where reach.is_divided and figure.is_additive
group by figure.cell_id, figure.track_id, reach.to_place
