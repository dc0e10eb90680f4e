{{ staged('census_2011_lighting') }}
