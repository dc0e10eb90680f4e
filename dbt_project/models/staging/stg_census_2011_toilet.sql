{{ staged('census_2011_toilet') }}
