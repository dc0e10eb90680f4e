-- Differences between preferred figures, each with a test: from one period to the next, between groups of one period
-- and place, and of a place from the country. Between groups and places only where an estimate takes part.
--
-- The error of a difference: sqrt( e1² + e2² ) where the two are independent. Where they rest on the same sample what
-- they have in common is not known, and e1 + e2, the most that it can be, stands for it: the test is then strict.
with origin as materialized (
    select source_id, contract ->> 'kind' as kind
    from {{ source('landing', 'source') }}
),

figure as (
    select
        preferred.observation_key,
        preferred.cell_id,
        preferred.place_id,
        preferred.period,
        chosen.source_id,
        chosen.value,
        chosen.se,
        chosen.geo_se > 0 as is_apportioned,
        chosen.own_strata,
        {{ figure_error('chosen', 'origin.kind') }} as error
    from {{ ref('preferred') }} as preferred
    inner join {{ ref('figure') }} as chosen on chosen.observation_key = preferred.observation_key
    inner join origin on origin.source_id = chosen.source_id
    where
        preferred.is_held_back is not true
        and (
            not (preferred.is_first and preferred.is_latest)
            or chosen.se is not null
            or chosen.lost_se
        )
),

sampled_cell as (
    select cell.*
    from {{ ref('cell') }} as cell
    where cell.cell_id in (select figure.cell_id from figure where figure.se is not null)
),

-- The cells that differ in one dimension alone, none of them its total.
cell_pair as (
    {% for dimension in breakdown_dimensions() -%}
    select
        from_cell.cell_id as from_cell_id,
        to_cell.cell_id as to_cell_id,
        '{{ dimension }}' as dimension,
        from_cell.{{ dimension }} as from_code
    from sampled_cell as from_cell
    inner join sampled_cell as to_cell
        on to_cell.series_code = from_cell.series_code
        {% for other in breakdown_dimensions() if other != dimension -%}
        and to_cell.{{ other }} = from_cell.{{ other }}
        {% endfor -%}
    where
        from_cell.{{ dimension }} not in ('_T', '_U')
        and to_cell.{{ dimension }} not in ('_T', '_U')
        and from_cell.{{ dimension }} < to_cell.{{ dimension }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

successive as (
    select
        observation_key as to_key,
        lag(observation_key) over (partition by cell_id, place_id order by period) as from_key
    from figure
),

pair as (
    select 'period' as comparison, 'period' as dimension, from_figure.period as compared_with, from_key, to_key
    from successive
    inner join figure as from_figure on from_figure.observation_key = successive.from_key

    union all

    select 'group', cell_pair.dimension, cell_pair.from_code, from_figure.observation_key, to_figure.observation_key
    from cell_pair
    inner join figure as from_figure on from_figure.cell_id = cell_pair.from_cell_id
    inner join figure as to_figure
        on to_figure.cell_id = cell_pair.to_cell_id
        and to_figure.place_id = from_figure.place_id
        and to_figure.period = from_figure.period
        and to_figure.source_id = from_figure.source_id
    where from_figure.se is not null or to_figure.se is not null

    union all

    select 'place', 'place', country.place_id, country.observation_key, part.observation_key
    from figure as part
    inner join figure as country
        on country.cell_id = part.cell_id
        and country.period = part.period
        and country.source_id = part.source_id
    inner join {{ ref('place') }} as place on place.place_id = country.place_id
    inner join {{ ref('cell') }} as cell on cell.cell_id = part.cell_id
    inner join {{ ref('series') }} as series on series.series_code = cell.series_code
    where
        place.place_level = 'country'
        and part.place_id <> country.place_id
        and part.se is not null
        -- The count of a part says nothing beside that of the whole.
        and series.measure_type <> 'count'
),

described as (
    select
        pair.*,
        from_figure.value as from_value,
        to_figure.value as to_value,
        to_figure.value - from_figure.value as difference,
        from_figure.error as from_error,
        to_figure.error as to_error,
        case
            when from_figure.error is null or to_figure.error is null then null
            when from_figure.error = 0 or to_figure.error = 0 then 'none: one side has no error'
            when from_figure.is_apportioned and to_figure.is_apportioned then 'unknown: shared out by the same weights'
            when pair.comparison = 'period' and from_figure.source_id <> to_figure.source_id
                then 'none: independent samples'
            when pair.comparison = 'period' then 'none: rounds of one survey, taken as independent samples'
            when pair.comparison = 'group' and 'domain' in (from_figure.own_strata, to_figure.own_strata)
                then 'none: independent strata'
            else 'unknown: one sample'
        end as covariance
    from pair
    inner join figure as from_figure on from_figure.observation_key = pair.from_key
    inner join figure as to_figure on to_figure.observation_key = pair.to_key
),

measured as (
    select
        described.*,
        nullif(
            case
                when covariance like 'unknown%' then from_error + to_error
                else sqrt(from_error ^ 2 + to_error ^ 2)
            end, 0
        ) as se
    from described
),

tested as (
    select
        measured.*,
        difference::double precision / se as z,
        {{ two_sided_p('difference::double precision / se') }} as p_value
    from measured
)

select
    md5(concat_ws('|', tested.comparison, tested.from_key, tested.to_key))::uuid as change_key,
    tested.comparison,
    tested.dimension,
    tested.compared_with,
    series.series_code,
    series.indicator_code,
    series.goal,
    series.place_id,
    series.place_code,
    series.place_name,
    series.place_level,
    series.period,
    {{ breakdown_columns('series') }},
    series.unit,
    tested.from_key as from_observation_key,
    tested.to_key as to_observation_key,
    tested.from_value,
    tested.from_error,
    tested.to_value,
    tested.to_error,
    tested.difference,
    tested.se,
    tested.covariance,
    tested.z,
    tested.p_value,
    tested.difference::double precision - {{ normal_95() }} * tested.se as ci_low,
    tested.difference::double precision + {{ normal_95() }} * tested.se as ci_high,
    tested.p_value < {{ var('significance_level') }} as is_significant,
    case
        when tested.covariance is null then 'no test: the error of one side is not known'
        when tested.se is null then 'no test: neither side has an error'
        when tested.covariance like 'unknown%'
            then 'the most that the error can be: both sides have something in common'
    end as comment
from tested
inner join {{ ref('indicator_series') }} as series on series.observation_key = tested.to_key
