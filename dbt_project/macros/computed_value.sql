{#
  The value of a figure: numerator by denominator, times the series' multiplier (100 for per cent); for a figure that
  comes as a value, that value in the unit of the series. Null where the denominator is zero or a part is missing.
#}
{% macro computed_value(figure, series) -%}
case
    when {{ figure }}.denominator is not null or {{ figure }}.numerator is not null
        then trim_scale(round(
            {{ series }}.multiplier * {{ figure }}.numerator / nullif({{ figure }}.denominator, 0), 6
        ))
    else trim_scale({{ figure }}.value)
end
{%- endmacro %}
