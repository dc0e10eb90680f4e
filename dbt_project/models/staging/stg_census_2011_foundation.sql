{{ staged('census_2011_foundation') }}
