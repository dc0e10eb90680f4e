-- For every series, breakdown and track the counts of the rows that have a partner among today's places add up to
-- the counts on today's places, exactly.
with partner as (
    select distinct from_place
    from {{ ref('place_link') }} as link
    inner join {{ ref('place_number') }} as target on target.place_number = link.to_place
    where target.is_current
),

by_category as (
    select placed.category_id, placed.track_id, sum(placed.value) as value
    from {{ ref('placed_row') }} as placed
    inner join partner on partner.from_place = placed.place_number
    where placed.value is not null and placed.track_id is not null
    group by placed.category_id, placed.track_id
),

before as (
    select
        link.cell_id,
        by_category.track_id,
        sum(by_category.value) filter (where link.role = 'numerator') as numerator,
        sum(by_category.value) filter (where link.role = 'denominator') as denominator,
        sum(by_category.value) filter (where link.role = 'value') as value
    from by_category
    inner join {{ ref('category_link') }} as link on link.category_id = by_category.category_id
    where link.is_additive
    group by link.cell_id, by_category.track_id
),

after as (
    select
        figure.cell_id,
        figure.track_id,
        sum(figure.numerator) as numerator,
        sum(figure.denominator) as denominator,
        sum(figure.value) as value
    from {{ ref('cell_figure') }} as figure
    inner join {{ ref('place_number') }} as place on place.place_number = figure.place_number
    where figure.is_additive and place.is_current
    group by figure.cell_id, figure.track_id
)

select cell_id, track_id, before.value as value_before, after.value as value_after
from before
full join after using (cell_id, track_id)
where
    (before.numerator, before.denominator, before.value)
    is distinct from (after.numerator, after.denominator, after.value)
