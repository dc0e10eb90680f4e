{{ staged('census_2011_age') }}
