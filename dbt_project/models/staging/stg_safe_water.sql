{{ staged('safe_water') }}
