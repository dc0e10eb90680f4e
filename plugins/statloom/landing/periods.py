"""The periods that sources name, as days: ``landing.period``."""

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from statloom.contracts import period as periods
from statloom.contracts.model import Contract


def write(connection: Connection, contract: Contract, table: pa.Table) -> None:
    """Add the labels of ``table`` (or of the contract) that ``landing.period`` lacks.

    A label that is no period of the declared type is left out: its rows do not map, and are counted so.
    """
    given = contract.period
    if given.value is not None:
        labels = [given.value]
    else:
        labels = [v for v in pc.unique(table.column(given.column).cast(pa.string())).to_pylist() if v]
    rows = []
    for label in labels:
        try:
            found = periods.parse(label, given.type, given.fiscal_year_start)
        except ValueError:
            continue
        rows.append(
            {
                "source_id": contract.source,
                "label": label,
                "type": given.type,
                "period": found.period,
                "start": found.period_start,
                "end": found.period_end,
                "detail": found.time_detail,
            }
        )
    if rows:
        connection.execute(
            text(
                "insert into landing.period"
                " (source_id, label, period_type, period, period_start, period_end, time_detail)"
                " values (:source_id, :label, :type, :period, :start, :end, :detail)"
                " on conflict (source_id, label) do update set period_type = excluded.period_type,"
                " period = excluded.period, period_start = excluded.period_start,"
                " period_end = excluded.period_end, time_detail = excluded.time_detail"
            ),
            rows,
        )
