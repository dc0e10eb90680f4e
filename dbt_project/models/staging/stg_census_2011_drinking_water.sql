{{ staged('census_2011_drinking_water') }}
