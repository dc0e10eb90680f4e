"""The answers of the DHIS2 Web API as one table: each data value with the names of what it is about."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa

from statloom.connectors.dhis2 import COMBOS, ELEMENTS, UNITS, VALUES
from statloom.contracts.model import Contract
from statloom.errors import DeliveryError
from statloom.landing.read.cells import Cells
from statloom.landing.read.json_records import document

_NAMES = {
    "dataElement": "data_element",
    "period": "period",
    "orgUnit": "org_unit",
    "categoryOptionCombo": "category_option_combo",
    "attributeOptionCombo": "attribute_option_combo",
    "value": "value",
    "storedBy": "stored_by",
    "lastUpdated": "last_updated",
    "comment": "comment",
    "followup": "followup",
}


def cells(contract: Contract, path: Path, name: str) -> Cells:
    """Return the data values of a DHIS2 delivery in the folder ``path``. A row is a value's position in its
    set.

    Of the columns that DHIS2 offers only those of the contract are there. With ``data_elements`` in the
    contract's connector, the values of others are left out.
    Raises DeliveryError when there are no values, or a value names a unit or element that is not in the
    delivery.
    """
    if not path.is_dir():
        raise DeliveryError("one file where the answers of a DHIS2 server were expected", file=name)
    values = _values(path)
    values = values.join(_metadata(path, UNITS, "org_unit", values["org_unit"], with_level=True))
    values = values.join(_metadata(path, ELEMENTS, "data_element", values["data_element"]))
    if any(column.startswith("category_option_combo_") for column in contract.columns):
        values = values.join(
            _metadata(path, COMBOS, "category_option_combo", values["category_option_combo"])
        )
    wanted = contract.connector.data_elements
    if wanted:
        chosen = values["data_element"].isin(wanted) | values["data_element_code"].isin(wanted)
        absent = sorted(set(wanted) - set(values["data_element"]) - set(values["data_element_code"]))
        if absent:
            raise DeliveryError(
                f"no values of data element {', '.join(map(repr, absent))}", file=f"{VALUES}.json"
            )
        values = values[chosen]
    declared = {h for h, n in contract.format.rename.items() if n in contract.columns} | set(contract.columns)
    values = values[[column for column in values if column in declared]]
    table = {
        str(column): pa.array(values[column].tolist(), pa.string(), from_pandas=True) for column in values
    }
    return Cells(pa.table(table), pa.array((values.index + 1).tolist(), pa.int64()))


def _values(path: Path) -> pd.DataFrame:
    file = path / f"{VALUES}.json"
    if not file.exists():
        raise DeliveryError("the delivery has no data value set", file=file.name)
    answer = document(file, file.name)
    records = answer.get("dataValues") if isinstance(answer, dict) else None
    if not records:
        raise DeliveryError("the data value set is empty", file=file.name)
    frame = pd.DataFrame.from_records(records).reindex(columns=list(_NAMES)).rename(columns=_NAMES)
    return frame.astype("object").where(frame.notna(), None).map(_text)


def _text(value) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _metadata(
    path: Path, resource: str, prefix: str, wanted: pd.Series, *, with_level: bool = False
) -> pd.DataFrame:
    """Return code and name (of units also level and parent) of each of ``wanted``, on its index."""
    items = [
        item
        for file in sorted(path.glob(f"{resource}-*.json"))
        for item in document(file, file.name).get(resource, [])
    ]
    known = pd.DataFrame(
        {
            f"{prefix}_code": [item.get("code") for item in items],
            f"{prefix}_name": [item.get("name") for item in items],
        }
        | (
            {
                f"{prefix}_level": [_text(item.get("level")) for item in items],
                f"{prefix}_parent": [(item.get("parent") or {}).get("id") for item in items],
            }
            if with_level
            else {}
        ),
        index=[item.get("id") for item in items],
        dtype="object",
    )
    known = known.where(known.notna(), None)
    unknown = wanted[~wanted.isin(known.index)]
    if len(unknown):
        raise DeliveryError(
            f"{unknown.iloc[0]!r} is not among the delivery's {resource} ({len(unknown):,} values name such)",
            file=f"{VALUES}.json",
            row=int(unknown.index[0]) + 1,
            column=prefix,
        )
    if with_level:
        codes = known[f"{prefix}_code"]
        known[f"{prefix}_parent_code"] = known[f"{prefix}_parent"].map(lambda uid: codes.get(uid))
    found = known.reindex(wanted)
    found.index = wanted.index
    return found
