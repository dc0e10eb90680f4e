-- Every figure of every source on the places of former vintages.
{{ figure_rows(mart='former_observation', where="not place.is_current") }}
