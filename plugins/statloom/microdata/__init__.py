"""Microdata: from persons and households to estimates with their uncertainty."""
