"""The steps of the pipeline, as the DAGs call them, and the driver that runs them all. Top of the library."""
