{{ staged('census_2011_literacy') }}
