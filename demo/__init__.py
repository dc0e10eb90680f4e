"""The demo country: deliveries of its bodies, the servers of two of them, and the scripts that made both."""
