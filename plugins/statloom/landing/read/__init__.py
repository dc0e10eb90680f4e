"""From the bytes of a delivery to typed rows. No database is involved.

`read` follows the contract: it finds the columns, turns cells into values, takes out known defects, and
refuses what cannot be right. Every problem is named with file, row, column and reason; a row is counted as a
person counts it in the file, the header line being row 1.
"""

import os
from pathlib import Path

from statloom.contracts.model import Contract
from statloom.errors import DeliveryError
from statloom.landing.read import checks, cleaning, columns, typed
from statloom.landing.read.cells import Cells
from statloom.landing.read.result import Quarantined, Reading

__all__ = ["Quarantined", "Reading", "read"]


def read(contract: Contract, path: str | os.PathLike, *, name: str | None = None) -> Reading:
    """Read the delivery in ``path`` (a file; for an API in pages a folder) by ``contract``.

    ``name`` is how messages call the file (default: its own name).
    Raises DeliveryError when the delivery is truncated, empty, in another encoding or format than declared,
    has unknown, missing or retyped columns, duplicate keys, or more unreadable rows than the contract
    tolerates.
    """
    path = Path(path)
    name = name or path.name
    try:
        cells = _cells(contract, path, name)
        cells = columns.named(contract, cells, name)
        reading = typed.typed(contract, cells, name)
        return cleaning.cleaned(contract, reading, name)
    except DeliveryError as error:
        if error.source is None:
            raise DeliveryError(
                error.reason, source=contract.source, file=error.file, row=error.row, column=error.column
            ) from None
        raise


def _cells(contract: Contract, path: Path, name: str) -> Cells:
    kind = contract.format.type
    if kind == "dhis2_data_values":
        from statloom.landing.read import dhis2

        return dhis2.cells(contract, path, name)
    checks.check_bytes(path, name, text=kind in ("csv", "json_records"))
    if kind == "csv":
        from statloom.landing.read import delimited

        return delimited.cells(contract.format, path, name, personal=_has_personal(contract))
    if kind == "excel":
        from statloom.landing.read import excel

        return excel.cells(contract.format, path, name)
    if kind == "json_records":
        from statloom.landing.read import json_records

        return json_records.cells(contract.format, path, name)
    from statloom.landing.read import stata

    return stata.cells(contract, path, name)


def _has_personal(contract: Contract) -> bool:
    return any(column.role == "personal_identifier" for column in contract.columns.values())
