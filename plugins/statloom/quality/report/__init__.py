"""The quality report: one static site, also as JSON for machines and as a short text.

data.py    what the report says, as one dictionary, from the warehouse
site.py    the pages, from that dictionary and the templates
summary.py the short text
"""

from statloom.quality.report.data import collect
from statloom.quality.report.site import write

__all__ = ["collect", "write"]
