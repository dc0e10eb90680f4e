{{ staged('voters') }}
