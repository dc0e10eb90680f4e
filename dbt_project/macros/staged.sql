{#
  The rows of one source as they are staged: one row per raw row and measure of the current delivery.

  A staging model is one line: {{ staged('census_2011_toilet') }}.
  What the macro knows of a source is in its entry in models/staging/sources.yml (generated from the contracts),
  under config.meta of the table in source `raw`:

    place_scheme: NP-CENSUS-2011
    place_level:  {column: geo_level, values: {country: country, vdc: vdc}}   # or {value: district}
    place_code:   {column: geo_code}                                          # or {value: NP}; absent: ''
    place_name:   {column: area}                                              # absent: ''
    place_parent: {column: parent}                                            # absent: ''
    period:       {column: year}                                              # or {value: "2011"}; the label as given
    dimensions:   [toilet_type, sex]
    measures:     [total]
    standard_error: standard_error                                            # column; absent: null
    respondents:    respondents                                               # column; absent: null
    ci_low:         ci_low                                                    # column; absent: null
    ci_high:        ci_high                                                   # column; absent: null
    deff:           deff                                                      # column; absent: null
    own_strata:     own_strata                                                # column; absent: null

  `category_key` is the row's categories as text: name and category of each dimension, separated by U+001F.
  It is what rows are grouped by; `categories` is made of it, and costs nothing where it is not selected.
#}
{% macro staged(source_id) -%}
{%- set rows = source('raw', source_id) -%}
{%- set deliveries = source('landing', 'current_delivery') -%}
{%- if execute -%}
{%- set entry = graph.sources.values() | selectattr('source_name', 'equalto', 'raw')
    | selectattr('name', 'equalto', source_id) | first -%}
{%- set meta = entry.config.meta or entry.meta -%}
{%- set measures = meta['measures'] -%}
select
    '{{ source_id }}'::text as source_id,
    raw_row._delivery_id as delivery_id,
    raw_row._row_number as row_number,
    '{{ meta["place_scheme"] }}'::text as place_scheme,
    {{ staged_level(meta.get('place_level')) }} as place_level,
    {{ staged_text(meta.get('place_code')) }} as place_code,
    {{ staged_text(meta.get('place_name')) }} as place_name,
    {{ staged_text(meta.get('place_parent')) }} as place_parent,
    {{ staged_text(meta.get('period')) }} as period,
    {{ category_key(meta.get('dimensions', [])) }} as category_key,
    jsonb_object(string_to_array(nullif({{ category_key(meta.get('dimensions', [])) }}, ''), chr(31))) as categories,
    {% if measures | length == 1 -%}
    '{{ measures[0] }}'::text as measure,
    raw_row.{{ adapter.quote(measures[0]) }}::numeric as value,
    {%- else -%}
    measured.measure,
    measured.value,
    {%- endif %}
    {{ staged_number(meta.get('standard_error'), 'double precision') }} as se,
    {{ staged_number(meta.get('ci_low'), 'double precision') }} as ci_low,
    {{ staged_number(meta.get('ci_high'), 'double precision') }} as ci_high,
    {{ staged_number(meta.get('respondents'), 'bigint') }} as respondents,
    {{ staged_number(meta.get('deff'), 'double precision') }} as deff,
    {{ staged_number(meta.get('own_strata'), 'text') }} as own_strata
from {{ rows }} as raw_row
inner join {{ deliveries }} as delivery
    on delivery.delivery_id = raw_row._delivery_id and delivery.source_id = '{{ source_id }}'
{% if measures | length > 1 -%}
cross join lateral (
    values
    {% for measure in measures -%}
    ('{{ measure }}'::text, raw_row.{{ adapter.quote(measure) }}::numeric){{ ',' if not loop.last }}
    {% endfor %}
) as measured (measure, value)
{%- endif -%}
{%- endif -%}
{%- endmacro %}


{% macro staged_text(place) -%}
{%- if not place -%} ''::text
{%- elif place.get('column') -%} coalesce(raw_row.{{ adapter.quote(place['column']) }}::text, '')
{%- else -%} '{{ place["value"] | string | replace("'", "''") }}'::text
{%- endif -%}
{%- endmacro %}


{% macro staged_level(level) -%}
{%- if level and level.get('column') and level.get('values') -%}
case raw_row.{{ adapter.quote(level['column']) }}
    {% for word, name in level['values'].items() -%}
    when '{{ word | string | replace("'", "''") }}' then '{{ name }}'
    {% endfor -%}
    else '' end
{%- else -%} {{ staged_text(level) }}
{%- endif -%}
{%- endmacro %}


{% macro staged_number(column, type) -%}
{%- if column -%} raw_row.{{ adapter.quote(column) }}::{{ type }} {%- else -%} null::{{ type }} {%- endif -%}
{%- endmacro %}


{% macro category_key(dimensions) -%}
{%- if not dimensions -%} ''::text
{%- else -%}
{%- for dimension in dimensions -%}
'{{ dimension }}' || chr(31) || coalesce(raw_row.{{ adapter.quote(dimension) }}::text, '')
{%- if not loop.last %} || chr(31) || {% endif -%}
{%- endfor -%}
{%- endif -%}
{%- endmacro %}
