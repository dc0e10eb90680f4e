{#
  Loads a seed in one statement, its rows as one JSON value: dbt's own way binds every cell, which takes ten times as
  long. It needs the type of every column; a seed that does not say them is loaded dbt's way.
#}
{% macro postgres__load_csv_rows(model, agate_table) -%}
{%- set types = model['config'].get('column_types') or {} -%}
{%- set untyped = agate_table.column_names | reject('in', types) | list -%}
{%- if untyped -%}
    {{ return(dbt.default__load_csv_rows(model, agate_table)) }}
{%- endif -%}
{%- set rows = [] -%}
{%- for row in agate_table.rows -%}
    {%- do rows.append(row.values() | list) -%}
{%- endfor -%}
{%- set statement -%}
insert into {{ this.render() }} (
    {%- for name in agate_table.column_names %}{{ adapter.quote(name) }}{{ ', ' if not loop.last }}{% endfor -%}
)
select
    {% for name in agate_table.column_names -%}
    (line ->> {{ loop.index0 }})::{{ types[name] }}{{ ', ' if not loop.last }}
    {%- endfor %}
from json_array_elements(%s::json) as line
{%- endset -%}
{%- do adapter.add_query(statement, bindings=[tojson(rows)], abridge_sql_log=True) -%}
{{ return(statement) }}
{%- endmacro %}
