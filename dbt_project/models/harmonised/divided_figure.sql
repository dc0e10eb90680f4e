-- What came to a figure from units that were divided, and how wrong the dividing may be: for each unit the error of its
-- weight, and that its parts are not composed alike (part_spread). Units are taken to err independently of each other.
select
    figure.cell_id,
    figure.track_id,
    reach.to_place as place_number,
    sum(figure.denominator * reach.weight) as denominator,
    sum(figure.value * reach.weight) as value,
    bool_and(reach.weight_se is not null) as is_error_known,
    sum(
        figure.value * figure.value
        * (reach.weight_se * reach.weight_se + part.spread * reach.weight * (1 - reach.weight))
    ) as value_variance,
    sum(
        reach.weight_se * reach.weight_se * figure.numerator * figure.numerator
        + part.spread * reach.weight * (1 - reach.weight) * figure.numerator
        * case part.kind
            when 'ratio' then figure.denominator
            else greatest(0, figure.denominator - figure.numerator)
        end
    ) as numerator_variance,
    sum(reach.weight_se * reach.weight_se * figure.numerator * figure.denominator) as covariance,
    sum(reach.weight_se * reach.weight_se * figure.denominator * figure.denominator) as denominator_variance
from {{ ref('cell_figure') }} as figure
inner join {{ ref('part_spread') }} as part on part.cell_id = figure.cell_id
inner join {{ ref('place_reach') }} as reach
    on reach.from_place = figure.place_number
    and reach.basis = figure.basis
where reach.is_divided and figure.is_additive
group by figure.cell_id, figure.track_id, reach.to_place
