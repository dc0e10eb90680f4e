"""What reading a delivery gives."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

ROW_NUMBER = "_row_number"


@dataclass(frozen=True)
class Quarantined:
    """One row held out: its row in the file, at which ``stage`` (read or defect), the column if one is to
    blame, the reason, and the cells as the file has them, without personal identifiers.
    """

    row_number: int
    stage: str
    column: str | None
    reason: str
    content: dict


@dataclass
class Reading:
    """A delivery as typed rows.

    ``table``: the contract's kept columns, typed, and ``_row_number``; ``quarantined``: the rows held out;
    ``rows_read``: both together; ``notes``: what a person should know, e.g. a defect that no longer applies;
    ``taken``: of microdata, what `statloom.landing.microdata` has found besides.
    """

    table: pa.Table
    quarantined: list[Quarantined] = field(default_factory=list)
    rows_read: int = 0
    notes: list[str] = field(default_factory=list)
    taken: Any = None

    @property
    def frame(self) -> pd.DataFrame:
        """Return the rows as a pandas frame; whole numbers stay whole where cells are empty."""
        return self.table.to_pandas(types_mapper=_NULLABLE.get)

    @property
    def reasons(self) -> dict[str, int]:
        """Return reason → number of quarantined rows."""
        return dict(Counter(row.reason for row in self.quarantined))


_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
