{{ staged('poverty') }}
