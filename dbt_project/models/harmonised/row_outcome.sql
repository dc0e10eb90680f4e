-- How the staged rows of the current deliveries ended: counts by stage, null for rows that feed a published figure.
-- A row with several measures is published when one of them is.
with measured as (
    select source_id, count(distinct measure) as measures
    from {{ ref('category') }}
    group by source_id
),

category_use as (
    select category_id, bool_or(is_additive) as is_additive
    from {{ ref('category_link') }}
    group by category_id
),

-- Rows all of whose figures the gates hold back.
held_back as (
    select link.category_id, held.track_id
    from {{ ref('held_back_cell') }} as held
    inner join {{ ref('category_link') }} as link on link.cell_id = held.cell_id
    inner join (
        select category_id, count(*) as cells
        from {{ ref('category_link') }}
        group by category_id
    ) as fed on fed.category_id = link.category_id
    where held.gate_status = 'held back'
    group by link.category_id, held.track_id, fed.cells
    having count(*) = fed.cells
),

partner as (
    select from_place as place_number, bool_or(is_same) as is_same
    from {{ ref('place_link') }}
    where is_today
    group by from_place
),

judged as (
    select
        placed.delivery_id,
        category.source_id,
        placed.row_number,
        category.category_key,
        measured.measures,
        case
            when placed.place_number is null then 1
            when category_use.category_id is null then 2
            when placed.track_id is null then 3
            when placed.value is null then 4
            when held_back.category_id is not null then 7
            when partner.place_number is null then 5
            when not (category_use.is_additive or partner.is_same) then 6
            else 0
        end as outcome
    from {{ ref('placed_row') }} as placed
    inner join {{ ref('category') }} as category on category.category_id = placed.category_id
    inner join measured on measured.source_id = category.source_id
    left join category_use on category_use.category_id = placed.category_id
    left join partner on partner.place_number = placed.place_number
    left join held_back on held_back.category_id = placed.category_id and held_back.track_id = placed.track_id
),

per_row as (
    select source_id, delivery_id, row_number, outcome
    from judged
    where measures = 1

    union all

    select source_id, delivery_id, row_number, min(outcome)
    from judged
    where measures > 1
    group by source_id, delivery_id, row_number, category_key
),

counted as (
    select source_id, delivery_id, outcome, count(*) as rows, min(row_number) as example_row
    from per_row
    group by source_id, delivery_id, outcome
)

select
    counted.source_id,
    counted.delivery_id,
    reason.stage,
    reason.reason,
    counted.rows,
    counted.example_row
from counted
inner join (
    values
    (0, null, null),
    (1, 'place', 'the place is not resolved'),
    (2, 'map', 'no series takes these categories'),
    (3, 'map', 'the period cannot be read'),
    (4, 'map', 'the cell is empty'),
    (5, 'crosswalk', 'the place has no partner among today''s places'),
    (6, 'crosswalk', 'a rate without its parts cannot be carried to another place'),
    (7, 'gate', 'held back by a gate')
) as reason (outcome, stage, reason) on reason.outcome = counted.outcome
