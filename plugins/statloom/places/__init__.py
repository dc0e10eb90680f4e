"""Places: one system for the units of every boundary edition, and the resolving of references to them."""
