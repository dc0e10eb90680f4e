{{ staged('livestock') }}
