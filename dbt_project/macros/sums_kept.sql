{#
  Fails for each series whose sums differ between two relations, and says in `message` which, of which source, on the
  places of which vintage. Both have cell_id, track_id, place_vintage, numerator, denominator, value; the sums must be
  the same to the last digit.
#}
{% macro sums_kept(before, after) -%}
with before as (
    {{ before }}
),

after as (
    {{ after }}
),

compared as (
    select
        coalesce(before.cell_id, after.cell_id) as cell_id,
        coalesce(before.track_id, after.track_id) as track_id,
        coalesce(before.place_vintage, after.place_vintage) as place_vintage,
        part.name as part,
        part.before,
        part.after
    from before
    full join after
        on after.cell_id = before.cell_id
        and after.track_id = before.track_id
        and after.place_vintage = before.place_vintage
    cross join lateral (
        values
        ('numerator', before.numerator, after.numerator),
        ('denominator', before.denominator, after.denominator),
        ('value', before.value, after.value)
    ) as part (name, before, after)
    where part.before is distinct from part.after
)

select
    cell.series_code,
    track.source_id,
    track.period,
    track.source_level,
    compared.place_vintage,
    cell.series_code || ' of ' || track.source_id || ', ' || track.period || ', reported by ' || track.source_level
        || ', on places of ' || compared.place_vintage || ' (' || count(*) || ' sums differ): for one the '
        || min(compared.part) || ' is ' || coalesce((array_agg(compared.before order by compared.part))[1]::text, 'missing')
        || ' before and ' || coalesce((array_agg(compared.after order by compared.part))[1]::text, 'missing') || ' after'
        as message
from compared
inner join {{ ref('cell') }} as cell on cell.cell_id = compared.cell_id
inner join (select distinct track_id, source_id, period, source_level from {{ ref('track') }}) as track
    on track.track_id = compared.track_id
group by cell.series_code, track.source_id, track.period, track.source_level, compared.place_vintage
order by 1, 2, 3, 4, 5
{%- endmacro %}
