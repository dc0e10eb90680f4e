-- Every code that a contract gives to a category is in the code list of its dimension.
select distinct listed.dimension, listed.code
from {{ ref('category_cell') }} as cell
cross join lateral (
    values
    {% for dimension in breakdown_dimensions() -%}
    ('{{ dimension }}', cell.{{ dimension }}){{ ',' if not loop.last }}
    {% endfor %}
) as listed (dimension, code)
left join {{ ref('code_list') }} as known on known.dimension = listed.dimension and known.code = listed.code
where known.code is null
