{{ staged('hmis_maternal_deaths') }}
