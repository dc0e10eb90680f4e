{{ staged('census_2011_household_facilities') }}
