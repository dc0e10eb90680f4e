select
    held_out.source_id,
    held_out.delivery_id,
    held_out.stage,
    held_out.reason,
    count(*) as rows,
    (array_agg(
        jsonb_build_object('row', held_out.row_number, 'column', held_out.column_name, 'content', held_out.content)
        order by held_out.row_number
    ))[1] as example
from {{ source('quality', 'quarantined_row') }} as held_out
inner join {{ source('landing', 'current_delivery') }} as delivery on delivery.delivery_id = held_out.delivery_id
group by 1, 2, 3, 4

union all

select
    outcome.source_id,
    outcome.delivery_id,
    outcome.stage,
    outcome.reason,
    outcome.rows,
    (
        select
            jsonb_build_object(
                'row', staged.row_number,
                'place_level', staged.place_level,
                'place_code', staged.place_code,
                'place_name', staged.place_name,
                'period', staged.period,
                'categories', staged.categories,
                'value', staged.value
            )
        from {{ ref('staged_row') }} as staged
        where
            staged.source_id = outcome.source_id
            and staged.delivery_id = outcome.delivery_id
            and staged.row_number = outcome.example_row
        limit 1
    ) as example
from {{ ref('row_outcome') }} as outcome
where outcome.stage is not null
