{{ staged('census_2021_population') }}
