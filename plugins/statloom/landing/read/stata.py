"""Stata data files, read by pyreadstat. Columns with value labels give the labels where the contract
says text; codes of places, strata and sampling units stay codes."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from statloom.contracts.model import Contract
from statloom.errors import DeliveryError
from statloom.landing.read.cells import Cells

_MAXIMUM_CELLS = 50_000_000
_LABELLED = ("dimension", "measure", "place_level", "place_name", "place_parent")


def cells(contract: Contract, path: Path, name: str) -> Cells:
    """Return the cells of a Stata file, in native types. A row is the observation's number, from 1.

    Columns whose role is personal_identifier or ignored are not read. A code without a label becomes its
    number.
    """
    import pyreadstat

    form = contract.format
    options = {"encoding": form.encoding} if form.encoding else {}
    try:
        _, meta = pyreadstat.read_dta(str(path), metadataonly=True, **options)
        dropped = {n for n, c in contract.columns.items() if not c.kept}
        unread = [n for n in meta.column_names if form.rename.get(n, n) in dropped]
        wanted = [n for n in meta.column_names if n not in unread]
        if max(meta.number_rows or 0, 0) * len(wanted) > _MAXIMUM_CELLS:
            raise DeliveryError(
                f"{meta.number_rows:,} observations of {len(wanted):,} variables: too large a table,"
                " declare it as microdata",
                file=name,
            )
        frame, meta = pyreadstat.read_dta(str(path), usecols=wanted, **options)
    except DeliveryError:
        raise
    except Exception as error:  # pyreadstat has one class for all, and lets some of its own bugs through
        raise DeliveryError(f"not a readable Stata file, or a truncated one ({error})", file=name) from None
    if len(frame) == 0:
        raise DeliveryError("the file has no observations", file=name)
    columns = {}
    for column in frame:
        labels = meta.variable_value_labels.get(column)
        declared = contract.columns.get(form.rename.get(column, column))
        if labels and declared is not None and declared.type == "text" and declared.role in _LABELLED:
            columns[column] = _labelled(frame[column], labels)
        else:
            columns[column] = pa.Array.from_pandas(frame[column])
    columns |= {column: pa.nulls(len(frame)) for column in unread}
    return Cells(pa.table(columns), pa.array(range(1, len(frame) + 1), pa.int64()))


def _labelled(values: pd.Series, labels: dict) -> pa.Array:
    shown = values.map(labels).where(values.isin(list(labels)), values.map(_code))
    return pa.array(shown.tolist(), pa.string(), from_pandas=True)


def _code(value) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
