"""The assets that join the DAGs."""

from airflow.sdk import Asset

MARTS = Asset(name="marts", uri="statloom://marts")
WAREHOUSE_SETTLED = Asset(name="warehouse settled", uri="statloom://warehouse/settled")
RELEASE_SETTLED = Asset(name="release settled", uri="statloom://release/settled")


def raw(source: str) -> Asset:
    """Return the asset that says: this source has been looked at."""
    return Asset(name=f"raw {source}", uri=f"statloom://raw/{source}")
