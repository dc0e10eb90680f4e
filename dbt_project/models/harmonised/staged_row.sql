-- Generated from the contracts by 'statloom source sync'. Do not edit.
select * from {{ ref('stg_census_2011_age') }}
union all
select * from {{ ref('stg_census_2011_citizenship') }}
union all
select * from {{ ref('stg_census_2011_cooking_fuel') }}
union all
select * from {{ ref('stg_census_2011_disability') }}
union all
select * from {{ ref('stg_census_2011_drinking_water') }}
union all
select * from {{ ref('stg_census_2011_education') }}
union all
select * from {{ ref('stg_census_2011_foundation') }}
union all
select * from {{ ref('stg_census_2011_home_ownership') }}
union all
select * from {{ ref('stg_census_2011_household_facilities') }}
union all
select * from {{ ref('stg_census_2011_lighting') }}
union all
select * from {{ ref('stg_census_2011_literacy') }}
union all
select * from {{ ref('stg_census_2011_outer_wall') }}
union all
select * from {{ ref('stg_census_2011_religion') }}
union all
select * from {{ ref('stg_census_2011_roof') }}
union all
select * from {{ ref('stg_census_2011_school_attendance') }}
union all
select * from {{ ref('stg_census_2011_toilet') }}
union all
select * from {{ ref('stg_census_2021_population') }}
union all
select * from {{ ref('stg_education_schools') }}
union all
select * from {{ ref('stg_education_teachers') }}
union all
select * from {{ ref('stg_hmis_deliveries') }}
union all
select * from {{ ref('stg_hmis_health_facilities') }}
union all
select * from {{ ref('stg_hmis_maternal_deaths') }}
union all
select * from {{ ref('stg_income') }}
union all
select * from {{ ref('stg_land_use') }}
union all
select * from {{ ref('stg_life_expectancy') }}
union all
select * from {{ ref('stg_livestock') }}
union all
select * from {{ ref('stg_poverty') }}
union all
select * from {{ ref('stg_registered_companies') }}
union all
select * from {{ ref('stg_safe_water') }}
union all
select * from {{ ref('stg_synthetic_census_sample_2021') }}
union all
select * from {{ ref('stg_synthetic_household_survey_2021') }}
union all
select * from {{ ref('stg_voters') }}
