{{ staged('census_2011_cooking_fuel') }}
