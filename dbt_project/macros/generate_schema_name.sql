{# Schemas are named as in the configuration: places, reference, staging, harmonised, candidate, quality. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
