-- The country's sum is that of the places from which it was added up, exactly.
with below as (
    select
        figure.cell_id,
        figure.track_id,
        sum(figure.numerator) as numerator,
        sum(figure.denominator) as denominator,
        sum(figure.value) as value
    from {{ ref('cell_figure') }} as figure
    inner join {{ ref('place_number') }} as place on place.place_number = figure.place_number
    where figure.is_additive and place.is_current and place.place_level <> 'country'
    group by figure.cell_id, figure.track_id
),

country as (
    select rolled.cell_id, rolled.track_id, rolled.numerator, rolled.denominator, rolled.value
    from {{ ref('roll_up') }} as rolled
    inner join {{ ref('place_number') }} as place on place.place_number = rolled.place_number
    where place.place_level = 'country'
)

select cell_id, track_id, below.value as value_below, country.value as value_country
from below
full join country using (cell_id, track_id)
where
    (below.numerator, below.denominator, below.value)
    is distinct from (country.numerator, country.denominator, country.value)
