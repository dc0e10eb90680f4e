{{ staged('education_teachers') }}
