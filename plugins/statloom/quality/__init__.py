"""Gates: what the data must be before they go further, judged by Great Expectations inside PostgreSQL."""
