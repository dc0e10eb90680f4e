-- Where another source's figure is held back, the comment says so: it may be the one that stood here before.
select
    {% for column in observation_columns() -%}
    {% if column.name == 'comment' -%}
    nullif(concat_ws(
        '; ',
        'held back by a gate: the figure of ' || preferred.held_back_sources,
        observation.comment
    ), '') as comment
    {%- else -%} observation.{{ column.name }}
    {%- endif %}{{ ',' if not loop.last }}
    {% endfor %}
from {{ ref('observation') }} as observation
inner join {{ ref('preferred') }} as preferred on preferred.observation_key = observation.observation_key
