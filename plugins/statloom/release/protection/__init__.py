"""Disclosure control inside a release: rules, linked systems of sums, what is left out, and what is lost."""
