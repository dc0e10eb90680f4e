{# The quantile of the normal distribution for two-sided intervals of 95 %. #}
{% macro normal_95() -%}
1.959963984540054
{%- endmacro %}


{# How often a standard normal z is as far from 0 as this or further. #}
{% macro two_sided_p(z) -%}
erfc(abs({{ z }}) / sqrt(2::double precision))
{%- endmacro %}
