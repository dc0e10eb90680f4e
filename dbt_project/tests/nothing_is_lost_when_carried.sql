-- For every series, breakdown and track, in every direction: the counts in the rows of all places that have a partner in
-- another vintage add up to the counts on that vintage's places, exactly.
{% set before -%}
select
    link.cell_id,
    by_category.track_id,
    by_category.to_vintage as place_vintage,
    sum(by_category.value) filter (where link.role = 'numerator') as numerator,
    sum(by_category.value) filter (where link.role = 'denominator') as denominator,
    sum(by_category.value) filter (where link.role = 'value') as value
from (
    select placed.category_id, placed.track_id, partner.to_vintage, sum(placed.value) as value
    from {{ ref('placed_row') }} as placed
    inner join (select distinct from_place, to_vintage from {{ ref('crosswalk_link') }}) as partner
        on partner.from_place = placed.place_number
    where placed.value is not null and placed.track_id is not null
    group by placed.category_id, placed.track_id, partner.to_vintage
) as by_category
inner join {{ ref('category_link') }} as link on link.category_id = by_category.category_id
left join {{ ref('held_back_cell') }} as held_back
    on held_back.cell_id = link.cell_id
    and held_back.track_id = by_category.track_id
    and held_back.gate_status = 'held back'
where link.is_additive and held_back.cell_id is null
group by link.cell_id, by_category.track_id, by_category.to_vintage
{%- endset %}
{% set after -%}
select
    figure.cell_id,
    figure.track_id,
    place.place_vintage,
    sum(figure.numerator) as numerator,
    sum(figure.denominator) as denominator,
    sum(figure.value) as value
from {{ ref('carried') }} as figure
inner join {{ ref('place_number') }} as place on place.place_number = figure.place_number
where figure.is_additive
group by figure.cell_id, figure.track_id, place.place_vintage
{%- endset %}
{{ sums_kept(before, after) }}
