"""Open formats: frames in, files out. These modules know nothing of the warehouse."""
