{{ staged('hmis_health_facilities') }}
