"""The PostgreSQL warehouse: its embedded server, its connections, roles and bookkeeping tables."""
