{#
  The rows of a mart of observations, from a model of figures. What is held back stands there without a value, beside
  the last value that this mart showed; so do figures of a part that is held back which its delivery lacks.
#}
{% macro observation_rows(figures, mart) -%}
{%- set last_good = source('publication', 'last_good_value') -%}
with time_period as (
    select distinct on (source_id, period) source_id, period, period_start, period_end, time_detail
    from {{ source('landing', 'period') }}
    order by source_id, period, label
),

-- A contract is long: it is looked into once a source, not once a figure.
origin as materialized (
    select source_id, coalesce((contract ->> 'synthetic')::boolean, false) as synthetic
    from {{ source('landing', 'source') }}
)

select
    figure.observation_key,
    cell.series_code,
    series.indicator_code,
    target.goal,
    figure.place_id,
    split_part(figure.place_id, ':', 3) as place_code,
    place.place_name,
    place.place_level,
    place.place_vintage,
    figure.period,
    time_period.period_start,
    time_period.period_end,
    time_period.time_detail,
    {{ breakdown_columns('cell') }},
    figure.value,
    trim_scale(figure.numerator) as numerator,
    trim_scale(figure.denominator) as denominator,
    series.unit,
    figure.se,
    figure.se / nullif(abs(figure.value), 0)::double precision as cv,
    figure.ci_low,
    figure.ci_high,
    figure.n::bigint as n,
    figure.deff,
    band.band as quality_band,
    band.rule as quality_rule,
    figure.source_id,
    figure.source_level,
    figure.geo_method,
    figure.split_share,
    figure.geo_se,
    case
        when figure.gate_status = 'held back' then 'O'
        when figure.value is null then 'M'
        when figure.geo_method = 'apportioned' then 'E'
        when band.rule in ('warn', 'withhold') then 'U'
        else 'A'
    end as obs_status,
    nullif(concat_ws(
        '; ',
        case when figure.gate_status = 'held back' then 'held back by a gate' end,
        case
            when figure.gate_status = 'newer delivery held back'
                then 'of an earlier delivery: a newer one is held back by its gate'
        end,
        case when origin.synthetic then 'synthetic' end,
        case
            when figure.units_missing > 0
                then figure.units_missing || ' of ' || (figure.units_missing + figure.units_reported)
                    || ' places of level ' || figure.source_level || ' not reported'
        end,
        case
            when figure.is_without_parts
                then 'a ' || series.measure_type || ' without numerator and denominator is not carried to other boundaries'
        end,
        case when figure.other_basis is not null
            then 'shared out by ' || figure.other_basis || ': no weights by ' || series.apportion_basis
        end,
        case
            when figure.lost_se
                then 'no standard error: made of several estimates that are not known to be independent'
        end,
        case when figure.is_propagated_se then 'standard error from those of independent estimates' end,
        case when band.rule in ('warn', 'withhold') then band.title end
    ), '') as comment,
    figure.gate_status,
    figure.gate_reason,
    good.value as last_good_value,
    good.publication_id as last_good_publication,
    good.delivery_sha256 as last_good_delivery
from {{ figures }} as figure
inner join {{ ref('cell') }} as cell on cell.cell_id = figure.cell_id
inner join {{ ref('series') }} as series on series.series_code = cell.series_code
inner join {{ ref('indicator') }} as framework on framework.indicator_code = series.indicator_code
inner join {{ ref('target') }} as target on target.target = framework.target
inner join {{ ref('place') }} as place on place.place_id = figure.place_id
inner join origin on origin.source_id = figure.source_id
left join {{ ref('quality_band') }} as band
    on band.framework = series.global_or_national
    and band.band = {{ quality_band('figure', 'series') }}
inner join time_period
    on time_period.source_id = figure.source_id and time_period.period = figure.period
left join {{ last_good }} as good
    on good.mart = '{{ mart }}'
    and good.observation_key = figure.observation_key
    and figure.gate_status = 'held back'

union all

select
    {%- for column in observation_columns() %}
    {% if column.name in held_back_columns() -%} {{ held_back_columns()[column.name] }}
    {%- else -%} (good.content ->> '{{ column.name }}')::{{ column.data_type }}
    {%- endif %} as {{ column.name }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ last_good }} as good
inner join {{ ref('held_back_part') }} as part
    on part.source_id = good.source_id
    and part.series_code = good.series_code
    and part.period = good.period
    and part.gate_status = 'held back'
where
    good.mart = '{{ mart }}'
    and not exists (select from {{ figures }} as figure where figure.observation_key = good.observation_key)
{%- endmacro %}


{# The columns of a mart of observations with their types, in the order of its contract (models/marts/marts.yml). #}
{% macro observation_columns() -%}
{%- set names = ['observation_key', 'series_code', 'indicator_code', 'goal', 'place_id', 'place_code', 'place_name',
    'place_level', 'place_vintage', 'period', 'period_start', 'period_end', 'time_detail'] + breakdown_dimensions() + [
    'value', 'numerator', 'denominator', 'unit', 'se', 'cv', 'ci_low', 'ci_high', 'n', 'deff', 'quality_band',
    'quality_rule', 'source_id', 'source_level', 'geo_method', 'split_share', 'geo_se', 'obs_status', 'comment',
    'gate_status', 'gate_reason', 'last_good_value', 'last_good_publication', 'last_good_delivery'] -%}
{%- set types = {'observation_key': 'uuid', 'goal': 'integer', 'period_start': 'date', 'period_end': 'date'} -%}
{%- set columns = [] -%}
{%- for name in names -%}
    {%- do columns.append({'name': name, 'data_type': types.get(name, 'text')}) -%}
{%- endfor -%}
{{ return(columns) }}
{%- endmacro %}


{# What a figure shows that is held back and not in its delivery: all else is as it was last published. #}
{% macro held_back_columns() -%}
{%- set shown = {
    'obs_status': "'O'",
    'comment': "'held back by a gate' || case when good.content ->> 'comment' like '%synthetic%' then '; synthetic' else '' end",
    'gate_status': 'part.gate_status',
    'gate_reason': 'part.gate_reason',
    'last_good_value': 'good.value',
    'last_good_publication': 'good.publication_id',
    'last_good_delivery': 'good.delivery_sha256',
} -%}
{%- for name in ['numerator', 'denominator', 'value', 'split_share'] -%}
    {%- do shown.update({name: 'null::numeric'}) -%}
{%- endfor -%}
{%- for name in ['se', 'cv', 'ci_low', 'ci_high', 'deff', 'geo_se'] -%}
    {%- do shown.update({name: 'null::double precision'}) -%}
{%- endfor -%}
{%- do shown.update({'n': 'null::bigint', 'quality_band': 'null::text', 'quality_rule': 'null::text'}) -%}
{{ return(shown) }}
{%- endmacro %}
