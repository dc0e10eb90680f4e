{{ staged('census_2011_citizenship') }}
