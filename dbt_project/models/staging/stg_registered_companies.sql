{{ staged('registered_companies') }}
