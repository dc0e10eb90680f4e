"""The steps of the `backup` and `restore_drill` DAGs."""

from statloom import backup, settings
from statloom.errors import StatloomError


def make() -> str:
    """Back up database, deliveries and secrets; return where the backup of the database lies."""
    return str(backup.make(settings.load()).path)


def rehearse() -> None:
    """Bring the newest backup back on a scratch server; raise StatloomError when anything differs."""
    drill = backup.rehearse(settings.load())
    different = [part.name for part in drill.compared if not part.same]
    if not drill.passed:
        raise StatloomError(
            f"backup {drill.backup} did not come back as it was: {', '.join(different) or 'no marts'}"
        )
    print(f"backup {drill.backup} came back whole, publication {drill.publication_id}")
