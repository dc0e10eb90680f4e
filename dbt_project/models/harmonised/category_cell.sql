-- Under which series, role and breakdown each combination of categories counts. Totals of a breakdown are cells like
-- any other, so that a row counts in its own category and in the total, and no figure is added up twice.
with matched as (
    select
        category.category_id,
        category.categories,
        mapping.series_code,
        mapping.role,
        mapping.breakdown
    from {{ ref('category') }} as category
    inner join {{ source('landing', 'series_mapping') }} as mapping
        on mapping.source_id = category.source_id
        and mapping.measure = category.measure
        and category.categories @> mapping.categories
)

select distinct
    matched.category_id,
    matched.series_code,
    matched.role,
    -- Counts can be added up and apportioned; a rate, mean or index that comes without its parts cannot.
    matched.role in ('numerator', 'denominator') or series.measure_type = 'count' as is_additive,
    {% for dimension in breakdown_dimensions() -%}
    {{ dimension }}.code as {{ dimension }}{{ ',' if not loop.last }}
    {% endfor %}
from matched
inner join {{ ref('series') }} as series on series.series_code = matched.series_code
{% for dimension in breakdown_dimensions() -%}
cross join lateral unnest({{ breakdown_codes('matched', 'matched.categories', dimension) }}) as {{ dimension }} (code)
{% endfor %}
