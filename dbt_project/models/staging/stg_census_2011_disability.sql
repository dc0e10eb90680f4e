{{ staged('census_2011_disability') }}
