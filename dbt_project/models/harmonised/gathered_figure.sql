-- Figures on all places of all vintages: as they were reported, as they were carried, and added up.
select
    figure.cell_id,
    figure.track_id,
    figure.place_number,
    figure.numerator,
    figure.denominator,
    figure.value,
    figure.se,
    figure.ci_low,
    figure.ci_high,
    figure.n,
    figure.deff,
    figure.own_strata,
    true as is_reported,
    figure.lost_se,
    false as is_without_parts
from {{ ref('cell_figure') }} as figure
where figure.place_number in (select from_place from {{ ref('place_link') }} where from_place = to_place)

union all

select
    cell_id, track_id, place_number, numerator, denominator, value, se, ci_low, ci_high, n,
    deff, own_strata, false, lost_se, not (is_additive or is_same)
from {{ ref('carried') }}

union all

select
    cell_id, track_id, place_number, numerator, denominator, value, null, null, null, n,
    null, null, false, false, false
from {{ ref('roll_up') }}
