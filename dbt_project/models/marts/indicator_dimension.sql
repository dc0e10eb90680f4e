with fed as (
    select
        cell.series_code,
        string_agg(distinct figure.source_id, ', ' order by figure.source_id) as sources,
        min(figure.period) as first_period,
        max(figure.period) as latest_period
    from {{ ref('figure') }} as figure
    inner join {{ ref('cell') }} as cell on cell.cell_id = figure.cell_id
    where figure.value is not null
    group by cell.series_code
)

select
    series.series_code,
    series.title,
    series.title_ne,
    series.definition,
    series.definition_ne,
    series.indicator_code,
    indicator.title as indicator_title,
    indicator.title_ne as indicator_title_ne,
    indicator.global_indicator_code,
    series.global_or_national,
    indicator.target,
    target.title as target_title,
    target.title_ne as target_title_ne,
    target.goal,
    goal.title as goal_title,
    goal.title_ne as goal_title_ne,
    series.unit,
    unit.title as unit_title,
    unit.title_ne as unit_title_ne,
    series.unit_multiplier,
    series.measure_type,
    series.multiplier,
    series.numerator_definition,
    series.denominator_definition,
    series.direction,
    series.breakdowns,
    series.custodian,
    series.approximation,
    series.apportion_basis,
    series.synthetic,
    fed.sources,
    fed.first_period,
    fed.latest_period
from {{ ref('series') }} as series
inner join {{ ref('indicator') }} as indicator on indicator.indicator_code = series.indicator_code
inner join {{ ref('target') }} as target on target.target = indicator.target
inner join {{ ref('goal') }} as goal on goal.goal = target.goal
inner join {{ ref('unit') }} as unit on unit.unit = series.unit
left join fed on fed.series_code = series.series_code
