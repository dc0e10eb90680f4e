-- Each series × breakdown that occurs, numbered.
select
    row_number() over (order by cell.*)::integer as cell_id,
    cell.*
from (
    select distinct
        series_code,
        {{ breakdown_columns('category_cell') }}
    from {{ ref('category_cell') }} as category_cell
) as cell
