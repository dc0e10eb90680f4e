{{ staged('census_2011_home_ownership') }}
