"""Publication: one atomic, numbered change of all published marts.

``publish`` compares every ``candidate.<mart>`` with what is published, writes the difference under the next
number where no reader sees it, and then flips one pointer row. ``marts.<mart>`` are views that stay: they
show the publication that was current when the reader's transaction began, or an older one that the reader
names with ``set statloom.publication = 'K'``.
"""

from statloom.publication.publisher import Publication, publish
from statloom.publication.revisions import revision

__all__ = ["Publication", "publish", "revision"]
