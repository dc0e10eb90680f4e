{{ staged('census_2011_religion') }}
