{{ staged('census_2011_outer_wall') }}
