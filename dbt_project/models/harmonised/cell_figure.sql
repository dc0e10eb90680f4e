-- Figures by series and breakdown on the places that reported them. What is no count, and stands in several rows, has
-- no value: such rows cannot be added up. Nor has what the gates hold back: its figures are there, without any number,
-- and so is all that is made of them.
with added_up as (
    select
        link.cell_id,
        placed.track_id,
        placed.place_number,
        count(*) as rows,
        sum(placed.value) filter (where link.role = 'numerator') as numerator,
        sum(placed.value) filter (where link.role = 'denominator') as denominator,
        sum(placed.value) filter (where link.role = 'value') as value
    from {{ ref('placed_row') }} as placed
    inner join {{ ref('category_link') }} as link on link.category_id = placed.category_id
    where placed.value is not null and placed.track_id is not null
    group by link.cell_id, placed.track_id, placed.place_number
),

-- Few rows are sample estimates: they are not worth six more columns in the sum over all.
estimated as (
    select
        link.cell_id,
        placed.track_id,
        placed.place_number,
        max(placed.se) as se,
        max(placed.ci_low) as ci_low,
        max(placed.ci_high) as ci_high,
        max(placed.deff) as deff,
        max(placed.own_strata) as own_strata,
        sum(placed.respondents) filter (where link.role <> 'numerator') as n
    from {{ ref('placed_row') }} as placed
    inner join {{ ref('category_link') }} as link on link.category_id = placed.category_id
    where
        placed.value is not null
        and placed.track_id is not null
        and (placed.se is not null or placed.ci_low is not null or placed.respondents is not null)
    group by link.cell_id, placed.track_id, placed.place_number
),

described as (
    select
        cell.cell_id,
        series.apportion_basis as basis,
        series.measure_type = 'count' as is_count
    from {{ ref('cell') }} as cell
    inner join {{ ref('series') }} as series on series.series_code = cell.series_code
),

held_back as (
    select cell_id, track_id
    from {{ ref('held_back_cell') }}
    where gate_status = 'held back'
)

select
    added_up.cell_id,
    added_up.track_id,
    added_up.place_number,
    described.basis,
    described.is_count or added_up.value is null as is_additive,
    case when held_back.cell_id is null then added_up.numerator end as numerator,
    case when held_back.cell_id is null then added_up.denominator end as denominator,
    case when held_back.cell_id is null and (described.is_count or added_up.rows = 1) then added_up.value end as value,
    case when added_up.rows = 1 then estimated.se end as se,
    case when added_up.rows = 1 then estimated.ci_low end as ci_low,
    case when added_up.rows = 1 then estimated.ci_high end as ci_high,
    estimated.n,
    case when added_up.rows = 1 then estimated.deff end as deff,
    case when added_up.rows = 1 then estimated.own_strata end as own_strata,
    coalesce(added_up.rows > 1 and estimated.se is not null, false) as lost_se
from added_up
inner join described on described.cell_id = added_up.cell_id
left join held_back
    on held_back.cell_id = added_up.cell_id
    and held_back.track_id = added_up.track_id
left join estimated
    on estimated.cell_id = added_up.cell_id
    and estimated.track_id = added_up.track_id
    and estimated.place_number = added_up.place_number
    and held_back.cell_id is null
