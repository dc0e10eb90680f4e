-- Counts added up to every place above, in each vintage. propagated_error has their standard errors.
with below as (
    select figure.cell_id, figure.track_id, figure.place_number, numerator, denominator, value, n
    from {{ ref('cell_figure') }} as figure
    where
        figure.is_additive
        and figure.place_number in (
            select from_place from {{ ref('place_link') }} where from_place = to_place
        )

    union all

    select cell_id, track_id, place_number, numerator, denominator, value, n
    from {{ ref('carried') }}
    where is_additive
)

select
    below.cell_id,
    below.track_id,
    ancestor.ancestor_number as place_number,
    sum(below.numerator) as numerator,
    sum(below.denominator) as denominator,
    sum(below.value) as value,
    sum(below.n) as n
from below
inner join {{ ref('place_ancestor') }} as ancestor on ancestor.place_number = below.place_number
group by below.cell_id, below.track_id, ancestor.ancestor_number
