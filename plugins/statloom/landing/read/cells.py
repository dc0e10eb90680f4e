"""The cells of a delivery before they have types."""

from dataclasses import dataclass, field

import pyarrow as pa

from statloom.landing.read.result import Quarantined


@dataclass
class Cells:
    """``table``: one column a header of the file, text or native values; ``rows``: row in the file of each
    row (int64); ``broken``: rows that have no cells to speak of, e.g. with a field too many.
    """

    table: pa.Table
    rows: pa.Array
    broken: list[Quarantined] = field(default_factory=list)
