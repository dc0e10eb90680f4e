{# The dimensions of a breakdown, in the order of the observation table. #}
{% macro breakdown_dimensions() -%}
{{ return(['sex', 'age', 'urbanisation', 'income_wealth_quantile', 'education_lev', 'occupation', 'cust_breakdown',
           'composite_breakdown', 'disability_status', 'activity', 'product']) }}
{%- endmacro %}


{# The dimensions as a list of columns of `relation`. #}
{% macro breakdown_columns(relation) -%}
{%- for dimension in breakdown_dimensions() -%}
{{ relation }}.{{ dimension }}{{ ', ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}


{#
  The codes under which a row counts in one dimension, as an array: its own code, and the total.
  A mapping that names the total's code itself gets no sum; a category without a code counts in the total alone.
#}
{% macro breakdown_codes(mapping, categories, dimension) -%}
case
    when {{ mapping }}.breakdown -> '{{ dimension }}' is null then array['_T']
    when jsonb_path_exists({{ mapping }}.breakdown, '$.{{ dimension }}.codes.* ? (@ == "_T")')
        then array_remove(array[{{ breakdown_code(mapping, categories, dimension) }}], null)
    else array_remove(array[{{ breakdown_code(mapping, categories, dimension) }}, '_T'], null)
end
{%- endmacro %}


{% macro breakdown_code(mapping, categories, dimension) -%}
{{ mapping }}.breakdown -> '{{ dimension }}' -> 'codes'
    ->> ({{ categories }} ->> ({{ mapping }}.breakdown #>> '{ {{- dimension }},column}'))
{%- endmacro %}
