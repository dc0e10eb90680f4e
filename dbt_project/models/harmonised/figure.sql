-- Every figure of every source on today's places, and what was reported for districts that are no more.
{{ figure_rows(
    mart='observation',
    where="gathered.place_number in (select to_place from " ~ ref('place_link') ~ " where is_today)"
        ~ " and (place.is_current or gathered.is_reported)"
) }}
