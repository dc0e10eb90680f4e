"""Statloom, a statistics integration warehouse. The library knows nothing of Airflow; DAGs import it."""

__version__ = "0.1.0"
