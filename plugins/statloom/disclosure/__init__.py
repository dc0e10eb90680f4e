"""Disclosure control: which figures would tell about single respondents. SQL over columns that the caller
names.
"""

from statloom.disclosure.primary import FEW, REASON, small
from statloom.disclosure.recoverable import recoverable

__all__ = ["FEW", "REASON", "recoverable", "small"]
