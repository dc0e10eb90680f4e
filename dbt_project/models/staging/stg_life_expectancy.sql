{{ staged('life_expectancy') }}
