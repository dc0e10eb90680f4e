-- Every figure of every source on the places of former vintages.
{{ figure_rows(where="not place.is_current") }}
