"""What can only be said of all rows together: keys that occur twice, sampling units in two strata."""

# ruff: noqa: S608  (names are quoted by statloom.contracts.conditions)

from collections.abc import Mapping

from statloom.contracts.conditions import quoted
from statloom.errors import DeliveryError
from statloom.microdata.vault.linking import Faults, in_memory
from statloom.microdata.vault.reading import Stored
from statloom.microdata.vault.writing import ROW_NUMBER


def count_duplicates(stored: Stored, record: str, faults: Faults) -> None:
    """Add to ``faults`` the rows of ``record`` beyond the first of their key, where its key lies in the vault
    and was not counted in memory."""
    contract = stored.contract
    declared = contract.records[record]
    if in_memory(contract, record) or not declared.key:
        return
    own = [name for name in declared.key if name in contract.own(record)]
    above = [contract.records[declared.parent].number] if declared.parent else []
    key = ", ".join(map(quoted, [*above, *own]))
    with stored.connect() as database:
        rows = f"({stored.select(record, [*above, *own, ROW_NUMBER])})"
        found, keys = database.execute(
            f"select coalesce(sum(rows), 0), count(*) from"
            f" (select count(*) as rows from {rows} group by {key})"
        ).fetchone()
        faults.duplicate_keys = int(found) - keys
        if faults.duplicate_keys:
            (faults.first_duplicate,) = database.execute(
                f"select min({ROW_NUMBER}) from (select {ROW_NUMBER}, row_number() over (partition by {key}"
                f" order by {ROW_NUMBER}) as place from {rows}) where place > 1"
            ).fetchone()


def refuse_psu_in_two_strata(stored: Stored, record: str, design: Mapping, file: str) -> None:
    """Raise DeliveryError for the first sampling unit of the first stage that lies in two strata, unless the
    numbers of units begin anew in each stratum (``nest``)."""
    strata, psu = _first(design.get("strata")), _first(design.get("psu"))
    if strata is None or psu is None or design.get("nest"):
        return
    unit, stratum = quoted(psu), quoted(strata)
    with stored.connect() as database:
        rows = f"({stored.select(record, [psu, strata, ROW_NUMBER])})"
        found = database.execute(
            f"select {unit}, count(*) over () from"
            f" (select {unit}, {stratum}, min({ROW_NUMBER}) as first from {rows}"
            f"  where {unit} is not null and {stratum} is not null group by 1, 2)"
            f" group by {unit} having count(*) > 1 order by min(first) limit 1"
        ).fetchone()
        if found is None:
            return
        number, count = found
        (one, _), (other, row) = database.execute(
            f"select {stratum}, min({ROW_NUMBER}) from {rows} where {unit} = $1"
            f" group by 1 order by 2 limit 2",
            [number],
        ).fetchall()
    more = f" ({count:,} such units)" if count > 1 else ""
    raise DeliveryError(
        f"{psu} {number} lies in two strata, {strata} {one} and {other}{more};"
        " if numbers begin anew in each stratum, set nest",
        source=stored.contract.source,
        file=file,
        row=row,
        column=psu,
    )


def _first(names) -> str | None:
    return names if isinstance(names, str) or names is None else names[0]
