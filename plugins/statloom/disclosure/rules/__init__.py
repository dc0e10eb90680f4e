"""Primary rules: SQL over columns that the caller names, true for a cell that may not be shown."""

from statloom.disclosure.rules.group import all_in_one
from statloom.disclosure.rules.magnitude import concentrated, protection

__all__ = ["all_in_one", "concentrated", "protection"]
