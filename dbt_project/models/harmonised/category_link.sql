-- Combinations of categories to numbered cells.
select
    category_cell.category_id,
    cell.cell_id,
    category_cell.role,
    category_cell.is_additive
from {{ ref('category_cell') }} as category_cell
inner join {{ ref('cell') }} as cell
    on cell.series_code = category_cell.series_code
    {% for dimension in breakdown_dimensions() -%}
    and cell.{{ dimension }} = category_cell.{{ dimension }}
    {% endfor %}
