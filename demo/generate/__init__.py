"""Scripts that made the demo's deliveries; running one again gives the same files."""
