-- Every figure of every source on today's places, and what was observed on districts that are no more.
{{ figure_rows(
    where="gathered.place_number in (select to_place from " ~ ref('place_link') ~ " where is_today)"
        ~ " and (place.is_current or coverage.geo_method = 'observed')"
) }}
