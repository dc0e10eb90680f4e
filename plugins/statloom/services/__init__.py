"""The services that Statloom runs beside the warehouse's server: Airflow."""
