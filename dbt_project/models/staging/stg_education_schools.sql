{{ staged('education_schools') }}
