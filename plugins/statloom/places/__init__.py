"""Places: one system for the units of every boundary edition, and the resolving of references to them."""

from statloom.places.registry import Registry, RegistryError, load
from statloom.places.resolve import resolve

__all__ = ["Registry", "RegistryError", "load", "resolve"]
