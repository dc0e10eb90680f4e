"""Profile and code lists of a delivery of microdata, written beside its figures."""

import json

from sqlalchemy import Connection, text

from statloom.contracts.model import Contract
from statloom.landing.microdata import Taken
from statloom.microdata.vault.profile import ColumnProfile, Fault, RecordProfile

_LANGUAGE = "en"


def write(connection: Connection, contract: Contract, delivery_id: int, taken: Taken) -> None:
    """Write what was found of ``delivery_id``, in place of what an earlier load of it has found."""
    for table in ("record_profile", "column_profile"):
        connection.execute(
            text(f"delete from landing.{table} where delivery_id = :id"),  # noqa: S608
            {"id": delivery_id},
        )
    _insert(connection, "record_profile", [_of_record(delivery_id, each) for each in taken.profile.records])
    _insert(
        connection,
        "column_profile",
        [_of_column(contract, delivery_id, each) for each in taken.profile.columns],
    )
    connection.execute(
        text("delete from landing.code_list where source_id = :source"), {"source": contract.source}
    )
    _insert(connection, "code_list", _codes(contract, delivery_id, taken))


def _insert(connection: Connection, table: str, rows: list[dict]) -> None:
    if rows:
        columns = ", ".join(rows[0])
        # The table's own row type converts each value, so that a whole profile is one statement.
        connection.execute(
            text(
                f"insert into landing.{table} ({columns}) select {columns}"  # noqa: S608
                f" from jsonb_populate_recordset(null::landing.{table}, cast(:rows as jsonb))"
            ),
            {"rows": json.dumps(rows)},
        )


def _fault(name: str, first: str, fault: Fault) -> dict:
    return {name: fault.rows, f"first_{first}": fault.first_row}


def _of_record(delivery_id: int, about: RecordProfile) -> dict:
    return {
        "delivery_id": delivery_id,
        "record": about.record,
        "parent": about.parent,
        "file_name": about.file,
        "rows": about.rows,
        **_fault("unreadable", "unreadable", about.unreadable),
        **_fault("duplicate_keys", "duplicate_key", about.duplicate_keys),
        **_fault("orphans", "orphan", about.orphans),
        "childless": {
            child: {"rows": fault.rows, "first_row": fault.first_row}
            for child, fault in about.childless.items()
        },
    }


def _of_column(contract: Contract, delivery_id: int, about: ColumnProfile) -> dict:
    return {
        "delivery_id": delivery_id,
        "record": about.record,
        "column_name": about.column,
        "position": about.position,
        "role": about.role,
        "type": about.type,
        "rows": about.rows,
        **_fault("missing", "missing", about.missing),
        "distinct_values": about.distinct,
        "minimum": about.minimum,
        "maximum": about.maximum,
        **_fault("out_of_code_list", "out_of_code_list", about.out_of_code_list),
        **_fault("out_of_range", "out_of_range", about.out_of_range),
        **_fault("unreadable", "unreadable", about.unreadable),
    } | ({} if contract.columns[about.column].in_vault else {"missing": None})


def _codes(contract: Contract, delivery_id: int, taken: Taken) -> list[dict]:
    """Return a row for each code and language. Codes of personal identifiers are left out; the contract's
    labels go before those of the file."""
    rows = []
    for name, column in contract.columns.items():
        if not column.kept:
            continue
        given = taken.code_lists.get(name)
        labels = {**(given.labels if given else {}), **(column.codes or {})}
        by_language = {_LANGUAGE: labels, **(given.translations if given else {})}
        for language, of_language in by_language.items():
            rows += [
                {
                    "source_id": contract.source,
                    "column_name": name,
                    "code": code,
                    "language": language,
                    "label": label,
                    "position": position,
                    "delivery_id": delivery_id,
                }
                for position, (code, label) in enumerate(of_language.items(), start=1)
            ]
    return rows
