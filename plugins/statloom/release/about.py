"""Who releases, and what releases are called. An office says it in its environment."""

import os

_DEFAULTS = {
    "title": ("STATLOOM_RELEASE_TITLE", "Official statistics: open data"),
    "description": (
        "STATLOOM_RELEASE_DESCRIPTION",
        "Figures of all sources on today's places and on the places of their time, by indicator series.",
    ),
    "publisher": ("STATLOOM_PUBLISHER", "Statistics office"),
    "contact": ("STATLOOM_CONTACT", ""),
    "base_url": ("STATLOOM_OPEN_DATA_URL", ""),
    "title_ne": ("STATLOOM_RELEASE_TITLE_NE", "आधिकारिक तथ्याङ्क: खुला तथ्याङ्क"),
    "description_ne": (
        "STATLOOM_RELEASE_DESCRIPTION_NE",
        "सबै स्रोतका तथ्याङ्क, आजका र आफ्नो समयका ठाउँमा, सूचकको शृङ्खला अनुसार।",
    ),
    "publisher_ne": ("STATLOOM_PUBLISHER_NE", "तथ्याङ्क कार्यालय"),
    "agency": ("STATLOOM_SDMX_AGENCY", "NSO"),
    "country": ("STATLOOM_COUNTRY_URI", "https://www.geonames.org/1282988"),
    "frequency": ("STATLOOM_RELEASE_FREQUENCY", "IRREG"),
}


def texts() -> dict[str, str | None]:
    """Return a release's texts: ``title``, ``description`` and ``publisher``, each with ``_ne`` in Nepali.

    Also ``contact`` (e-mail), ``base_url`` (of the folder of releases), ``agency`` (maintainer of the SDMX
    structures), ``country`` (its address in a register of places) and ``frequency`` (of releases, a code of
    the EU's frequency list).
    """
    return {
        name: os.environ.get(variable) or default or None for name, (variable, default) in _DEFAULTS.items()
    }
