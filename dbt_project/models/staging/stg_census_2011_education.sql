{{ staged('census_2011_education') }}
