{{ staged('synthetic_household_survey_2021') }}
