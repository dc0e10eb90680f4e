-- How differently the parts of a unit are composed, for each series × breakdown: measured where whole units make up a
-- place, so that its parts are known. A figure that is moved with weight w has, beside the error of w, the variance
-- spread × w (1 - w) × b, where b is n (d - n) for a share, n d for a ratio and x² for a count. For shares and ratios a
-- unit's w is its part of the denominator, for counts the weight by which the place's figures are carried back to it.
-- What too few places tell gets the default, var part_spread.
with kind as (
    select
        cell.cell_id,
        case
            when series.measure_type = 'count' then 'count'
            when series.measure_type in ('share', 'rate') then 'share'
            else 'ratio'
        end as kind
    from {{ ref('cell') }} as cell
    inner join {{ ref('series') }} as series on series.series_code = cell.series_code
),

whole as (
    select from_place, to_place, basis
    from {{ ref('place_link') }}
    where not is_divided and not is_same
),

-- Squared distances of the parts from what they would be if all were composed alike, and what they are measured by.
share as (
    select
        figure.cell_id,
        sum(figure.numerator) as n,
        sum(figure.denominator) as d,
        sum(figure.numerator * figure.numerator) as nn,
        sum(figure.numerator * figure.denominator) as nd,
        sum(figure.denominator * figure.denominator) as dd
    from {{ ref('cell_figure') }} as figure
    inner join whole
        on whole.from_place = figure.place_number
        and whole.basis = figure.basis
    where figure.denominator > 0
    group by figure.cell_id, figure.track_id, whole.to_place
    having count(*) > 1 and sum(figure.numerator) > 0
),

amount as (
    select
        figure.cell_id,
        sum(figure.value) as x,
        sum(figure.value * figure.value) as xx,
        sum(figure.value * whole.weight) as xw,
        sum(whole.weight) as w,
        sum(whole.weight * whole.weight) as ww
    from {{ ref('cell_figure') }} as figure
    inner join (
        select whole.*, back.weight
        from whole
        inner join {{ ref('place_link') }} as back
            on back.from_place = whole.to_place
            and back.to_place = whole.from_place
            and back.basis = whole.basis
    ) as whole
        on whole.from_place = figure.place_number
        and whole.basis = figure.basis
    where figure.is_additive and figure.value is not null
    group by figure.cell_id, figure.track_id, whole.to_place
    having count(*) > 1 and sum(figure.value) > 0 and sum(whole.weight) > 0
),

compared as (
    select
        share.cell_id,
        (nn - 2 * nd * n / d + dd * n / d * n / d) / d as distance,
        (1 - dd / d / d) * case kind.kind when 'ratio' then n else greatest(0, n * (1 - n / d)) end as scale
    from share
    inner join kind on kind.cell_id = share.cell_id

    union all

    select cell_id, (xx - 2 * xw * x / w + ww * x / w * x / w) / x, (1 - ww / w / w) * x
    from amount
),

measured as (
    select cell_id, round(sum(distance) / sum(scale), 6) as spread
    from compared
    group by cell_id
    having count(*) >= 20 and sum(scale) > 0
)

select
    kind.cell_id,
    kind.kind,
    coalesce(measured.spread, {{ (var('part_spread') * var('part_spread')) | round(6) }}) as spread,
    measured.cell_id is not null as is_measured
from kind
left join measured on measured.cell_id = kind.cell_id
