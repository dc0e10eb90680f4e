"""The quality report: one static site, also as JSON for machines and as a short text.

data.py       what the report says, as one dictionary, from the warehouse
places.py     what it says of places, with collisions.py (codes) and shading.py (how figures were made)
registry.py   what it says of the registry of places
map.py        the geometry of its maps
site.py       the pages, from these and the templates
summary.py    the short text
"""

from statloom.quality.report.data import collect
from statloom.quality.report.site import write

__all__ = ["collect", "write"]
