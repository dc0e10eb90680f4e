{{ staged('land_use') }}
