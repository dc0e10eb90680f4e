{{ staged('census_2011_roof') }}
