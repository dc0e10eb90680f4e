-- How each track's figures reach each place, by the basis of the series: from how many units, whole or in part, and how
-- many are missing.
with reported as (
    select distinct track_id, place_number, basis
    from {{ ref('cell_figure') }}
),

described as (
    select
        reach.*,
        place.place_level as from_level,
        place.place_vintage as from_vintage,
        place.is_statistical
    from {{ ref('place_reach') }} as reach
    inner join {{ ref('place_number') }} as place on place.place_number = reach.from_place
),

expected as (
    select from_level, from_vintage, to_place, basis, count(*) as units
    from described
    where is_statistical
    group by from_level, from_vintage, to_place, basis
),

reached as (
    select
        reported.track_id,
        described.to_place,
        described.basis,
        min(described.from_level) as from_level,
        min(described.from_vintage) as from_vintage,
        bool_and(described.is_same) as is_same,
        bool_or(described.is_divided) as is_divided,
        max(described.weight_basis)
            filter (where described.is_divided and described.weight_basis <> described.basis) as other_basis,
        count(*) as units_reported,
        count(*) filter (where described.is_statistical) as statistical_units
    from reported
    inner join described
        on described.from_place = reported.place_number
        and described.basis = reported.basis
    group by reported.track_id, described.to_place, described.basis
)

select
    reached.track_id,
    reached.to_place as place_number,
    reached.basis,
    case
        when reached.is_same then 'observed'
        when reached.is_divided then 'apportioned'
        else 'exact_merge'
    end as geo_method,
    reached.other_basis,
    reached.units_reported,
    coalesce(expected.units, 0) - reached.statistical_units as units_missing
from reached
left join expected
    on expected.to_place = reached.to_place
    and expected.basis = reached.basis
    and expected.from_level = reached.from_level
    and expected.from_vintage = reached.from_vintage
