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
}


def texts() -> dict[str, str | None]:
    """Return ``title, description, publisher, contact`` (e-mail) and ``base_url`` (of the folder of
    releases).
    """
    return {
        name: os.environ.get(variable) or default or None for name, (variable, default) in _DEFAULTS.items()
    }
