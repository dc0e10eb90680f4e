{{ staged('hmis_deliveries') }}
