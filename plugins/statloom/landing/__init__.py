"""Landing: from a source's bytes to rows in raw, one transaction a delivery."""

from statloom.landing.deliveries import accept, hold_back, reject
from statloom.landing.fetching import Fetched, fetch
from statloom.landing.loading import Loaded, load
from statloom.landing.read import Reading, read
from statloom.landing.references import resolve_places

__all__ = [
    "Fetched",
    "Loaded",
    "Reading",
    "accept",
    "fetch",
    "hold_back",
    "load",
    "read",
    "reject",
    "resolve_places",
]
