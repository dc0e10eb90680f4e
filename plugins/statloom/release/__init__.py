"""Releases: the open datasets of a publication, after disclosure control, written whole or not at all.

``prepare`` puts the cells and datasets that would go out into ``release.candidate_cell`` and
``release.candidate_dataset``, where the release's gate judges them; ``write`` writes what was prepared to
``open_data/<release_id>/`` and shows it to the portal role, at its hour where a calendar is kept;
``reveal_due`` makes public what waits for its hour, ``withdraw`` marks a release as withdrawn.
"""

from statloom.release.staging import prepare
from statloom.release.standing import reveal_due, withdraw
from statloom.release.writer import Release, write

__all__ = ["Release", "prepare", "reveal_due", "withdraw", "write"]
