"""Where a published figure comes from, and what made it change.

``trace`` goes the way back from a published value to the rows of its deliveries; ``revisions`` says of every
publication which figures changed, and which recorded inputs they changed for.
"""

from statloom.lineage.revisions import Cause, record_revisions
from statloom.lineage.trace import trace

__all__ = ["Cause", "record_revisions", "trace"]
