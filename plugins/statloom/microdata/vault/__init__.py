"""The vault: unit records as typed Parquet, in a folder or object storage that the engineer's account alone
reads.

    stored = vault.stored(contract, sha256)
    with stored.connect() as database:
        database.sql("select sex, count(*) from person group by sex")

``docs/microdata.md`` tells what lies in it and what never does.
"""

from statloom.microdata.vault.location import root
from statloom.microdata.vault.reading import Stored, stored
from statloom.microdata.vault.writing import Writer

__all__ = ["Stored", "Writer", "root", "stored"]
