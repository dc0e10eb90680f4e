{{ staged('income') }}
