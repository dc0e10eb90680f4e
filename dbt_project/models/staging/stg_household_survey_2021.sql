{{ staged('household_survey_2021') }}
