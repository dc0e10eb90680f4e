-- For every series, breakdown and track, in every vintage: the sum over the nation is that of the places from which it
-- was added up, exactly.
{% set nation = "select place_id from " ~ ref('place') ~ " where parent_id is null" -%}
{% set before -%}
select
    figure.cell_id,
    figure.track_id,
    place.place_vintage,
    sum(figure.numerator) as numerator,
    sum(figure.denominator) as denominator,
    sum(figure.value) as value
from (
    select cell_id, track_id, place_number, numerator, denominator, value
    from {{ ref('cell_figure') }}
    where is_additive
    union all
    select cell_id, track_id, place_number, numerator, denominator, value
    from {{ ref('carried') }}
    where is_additive
) as figure
inner join {{ ref('place_number') }} as place on place.place_number = figure.place_number
where place.place_id not in ({{ nation }})
group by figure.cell_id, figure.track_id, place.place_vintage
{%- endset %}
{% set after -%}
select rolled.cell_id, rolled.track_id, place.place_vintage, rolled.numerator, rolled.denominator, rolled.value
from {{ ref('roll_up') }} as rolled
inner join {{ ref('place_number') }} as place on place.place_number = rolled.place_number
where place.place_id in ({{ nation }})
{%- endset %}
{{ sums_kept(before, after) }}
