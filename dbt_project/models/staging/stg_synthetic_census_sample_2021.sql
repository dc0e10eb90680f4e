{{ staged('synthetic_census_sample_2021') }}
