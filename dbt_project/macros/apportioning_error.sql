{#
  The share of a figure that came from units which were divided: of its denominator, or of the count itself.
  0 where nothing was divided; null where there is no value.
#}
{% macro split_share(figure, divided) -%}
case
    when {{ has_no_value(figure) }} then null
    when coalesce({{ divided }}.denominator, {{ divided }}.value, 0) = 0 then 0
    else trim_scale(round(
        coalesce({{ divided }}.denominator / {{ figure }}.denominator, {{ divided }}.value / {{ figure }}.value), 6
    ))
end
{%- endmacro %}


{#
  The standard error of apportioning, in the unit of the value; 0 where nothing was divided, null where there is no
  value or a weight has no standard error. With s the standard error of a unit's weight, summed over the units u:
    counts             sqrt( sum (s² + k w (1 - w)) x² )
    shares and ratios  multiplier / D × sqrt( sum (s (n - R d))² + k w (1 - w) n (d - n) ), where R = N / D, by
                       linearisation, w is the weight, and k how differently parts are composed (part_spread)
#}
{% macro geo_se(figure, divided, series) -%}
{%- set ratio = '(' ~ figure ~ '.numerator / ' ~ figure ~ '.denominator)' -%}
case
    when {{ has_no_value(figure) }} then null
    when {{ divided }}.cell_id is null then 0
    when not {{ divided }}.is_error_known then null
    when {{ figure }}.denominator is null then round(sqrt({{ divided }}.value_variance), 6)
    else round(
        {{ series }}.multiplier / abs({{ figure }}.denominator) * sqrt(greatest(
            0,
            {{ divided }}.numerator_variance
            - 2 * {{ ratio }} * {{ divided }}.covariance
            + {{ ratio }} * {{ ratio }} * {{ divided }}.denominator_variance
        )), 6
    )
end::double precision
{%- endmacro %}


{% macro has_no_value(figure) -%}
coalesce({{ figure }}.numerator, {{ figure }}.value) is null or {{ figure }}.denominator = 0
{%- endmacro %}
