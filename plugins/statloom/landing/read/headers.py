"""Which columns of a file of microdata are read, and as which column of the contract."""

from statloom.contracts.model import Column, Contract
from statloom.errors import DeliveryError
from statloom.landing.read.columns import changes

_LABELLED = ("dimension", "measure", "place_level", "place_name", "place_parent")


def labelled(column: Column) -> bool:
    """Say whether the column holds labels in place of codes, where there are some."""
    return column.type == "text" and (column.role in _LABELLED or column.codes is not None)


def wanted(contract: Contract, record: str, headers: list[str], name: str) -> dict[str, str]:
    """Return header → column of what is read of ``record``: its columns in the vault, its key, and the keys
    of the records above it, also personal ones, which tie records together and are written nowhere.

    Headers and the contract's names may differ by case. Raises DeliveryError that says which columns are
    unknown, missing, or probably renamed. The columns of records above may stand in the file too: but for
    keys, they are not read.
    """
    columns = {header: _column(contract, header) for header in headers}
    found = list(columns.values())
    twice = sorted({column for column in found if found.count(column) > 1})
    if twice:
        raise DeliveryError(f"two columns of the file are {_shown(twice, contract)}", file=name)
    lineage = contract.lineage(record)
    own = contract.own(record)
    key = set(contract.whole_key(record))
    known = {column for each in lineage for column in contract.own(each)}
    unknown = [column for column in found if column not in known]
    missing = [
        column
        for column, declared in contract.columns.items()
        if column not in found and ((column in own and not declared.optional) or column in key)
    ]
    if unknown and len(unknown) > len(found) / 2:
        # That is no header but a row of data, or another file: its words may be those of a person.
        raise DeliveryError(
            f"no header of the contract's columns: {len(unknown)} of {len(found)} are unknown, and"
            f" {', '.join(map(repr, missing)) or 'none'} missing",
            file=name,
        )
    if unknown or missing:
        raise DeliveryError(changes(unknown, missing), file=name)
    read = key | {column for column, declared in own.items() if declared.in_vault}
    return {header: column for header, column in columns.items() if column in read}


def _column(contract: Contract, header: str) -> str:
    """Return the contract's name for ``header``; the header itself when it has none."""
    rename = contract.format.rename
    if header in rename:
        return rename[header]
    if header in contract.columns:
        return header
    lower = header.strip().lower()
    return {key.strip().lower(): column for key, column in rename.items()}.get(
        lower, lower if lower in contract.columns else header
    )


def _shown(columns: list[str], contract: Contract) -> str:
    return ", ".join(repr(column) if column in contract.columns else "called the same" for column in columns)
