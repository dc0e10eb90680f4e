"""A delivery of microdata: read once, into the vault; checked and profiled on the way; figures from it.

Personal identifiers are dropped, or replaced by a keyed hash, before anything is written.
"""

import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Row

from statloom.contracts import conditions
from statloom.contracts.model import TOTAL, Column, Contract
from statloom.errors import DeliveryError, StatloomError
from statloom.landing import working
from statloom.landing.disk import full_disk_named
from statloom.landing.read import Reading, headers
from statloom.landing.read.code_list import CodeList
from statloom.landing.read.result import ROW_NUMBER, Quarantined
from statloom.landing.read.units import Batch, Units
from statloom.microdata import vault
from statloom.microdata.vault import Stored, checks, keys
from statloom.microdata.vault.linking import Links
from statloom.microdata.vault.profile import Allowed, Profile, Profiler


@dataclass(frozen=True)
class Taken:
    """What is written of a delivery besides its figures: the profile, and the labels of its codes."""

    profile: Profile
    code_lists: Mapping[str, CodeList]


def read(contract: Contract, delivery: Row, path: Path, folder: Path) -> Reading:
    """Read the unit records into the vault; return the figures as rows of the raw table.

    ``folder``: for working copies, which nobody else may read. The reading's quarantined rows are unit
    records; ``rows_read`` counts them and the figures; ``taken`` has profile and code lists. Raises
    DeliveryError when the delivery, a weight or the design cannot be used: the vault is as before then.
    """
    return _taken(contract, delivery.file_name, delivery.sha256, path, folder, keep=True)


def check(contract: Contract, path: Path) -> Reading:
    """As `read`, of a delivery that is not archived; nothing of it stays in the vault."""
    with working.folder(contract) as folder:
        return _taken(contract, path.name, f"check-{secrets.token_hex(4)}", path, folder, keep=False)


def _taken(contract: Contract, name: str, sha256: str, path: Path, folder: Path, *, keep: bool) -> Reading:
    units = Units(contract, path, name, folder)
    with (
        full_disk_named(vault.root()),
        working.temporary_files_in(folder),
        vault.Writer(contract, sha256) as writer,
    ):
        profiled, held_out, notes = _into_vault(contract, units, writer)
        draft = writer.finish()
        profile = profiled(draft)
        table = figures(contract, draft, profile.records[0].file or name)
        if keep:
            writer.commit()
    rows = ", ".join(f"{record.rows:,} {record.record}" for record in profile.records)
    notes = [
        f"unit records in the vault: {rows}; {len(held_out):,} held out; the rows are figures",
        *notes,
        *units.notes,
    ]
    return Reading(
        table, held_out, table.num_rows + len(held_out), notes, taken=Taken(profile, units.code_lists)
    )


def _into_vault(contract: Contract, units: Units, writer: vault.Writer):
    """Write all rows; return what makes the profile of the finished draft, the rows held out, and notes."""
    profiler, held_out, notes = Profiler(contract), [], []
    key = keys.derived("pseudonym") if any(c.pseudonymise for c in contract.columns.values()) else b""
    defects = _applicable(contract, units, notes)
    rows_read = 0
    links = Links(contract)
    with closing(links):
        for batches in units:
            for batch in batches:
                rows_read += batch.table.num_rows + len(batch.held_out)
                _take_out_defects(batch, defects)
                for row in batch.held_out:
                    held_out.append(row)
                    if row.stage == "read":
                        profiler.unreadable(batch.record, row.column, row.row_number)
            numbers = links.number(
                {
                    batch.record: (batch.table.select(list(contract.whole_key(batch.record))), _rows(batch))
                    for batch in batches
                }
            )
            for batch in batches:
                table = _for_vault(contract, batch, numbers[batch.record], key)
                _refuse_weights(contract, batch, table)
                profiler.add(
                    batch.record, table, _allowed(contract, batch.record, units.code_lists), batch.file
                )
                writer.write(batch.record, table)
        _refuse_unreadable(contract, held_out, rows_read, units.name)
        faults = links.faults()

    def finished(draft: Stored) -> Profile:
        for record in contract.records:
            checks.count_duplicates(draft, record, faults[record])
        return profiler.finish(draft, faults)

    return finished, held_out, notes


def _rows(batch: Batch) -> pa.Array:
    return batch.table.column(ROW_NUMBER).combine_chunks()


def _for_vault(contract: Contract, batch: Batch, numbers: dict[str, pa.Array], key: bytes) -> pa.Table:
    """Return the columns that go into the vault: without personal identifiers, or with their pseudonyms."""
    columns: dict = {}
    for name, column in contract.own(batch.record).items():
        if column.kept:
            columns[name] = batch.table.column(name)
        elif column.pseudonymise:
            columns[name] = keys.pseudonyms(batch.table.column(name), name, key)
    return pa.table(columns | numbers | {ROW_NUMBER: batch.table.column(ROW_NUMBER)})


def _refuse_weights(contract: Contract, batch: Batch, table: pa.Table) -> None:
    """Raise DeliveryError for the first weight that is missing, zero, negative or endless."""
    for name, column in contract.own(batch.record).items():
        if column.role != "weight" or not table.num_rows:
            continue
        values = table.column(name)
        wrong = pc.or_(pc.is_null(values), pc.fill_null(pc.less_equal(values, 0), True))
        if not pc.any(wrong).as_py():
            continue
        place = pc.index(wrong, True).as_py()
        value = values[place].as_py()
        what = "missing" if value is None else "zero" if value == 0 else "negative"
        count = pc.sum(wrong).as_py()
        more = f" (at least {count:,} such weights)" if count > 1 else ""
        raise DeliveryError(
            f"the weight is {what}{more}",
            source=contract.source,
            file=batch.file,
            row=table.column(ROW_NUMBER)[place].as_py(),
            column=name,
        )


def _refuse_unreadable(contract: Contract, held_out: list[Quarantined], rows_read: int, name: str) -> None:
    unreadable = [row for row in held_out if row.stage == "read"]
    if len(unreadable) > contract.tolerance.unreadable_rows * rows_read:
        first = unreadable[0]
        raise DeliveryError(
            f"{first.reason} ({len(unreadable):,} of {rows_read:,} rows are unreadable)",
            source=contract.source,
            file=name,
            row=first.row_number,
            column=first.column,
        )
    if rows_read == len(held_out):
        raise DeliveryError("no row is left to load", source=contract.source, file=name)


def _allowed(contract: Contract, record: str, code_lists: Mapping[str, CodeList]) -> dict[str, Allowed]:
    """Return column → its right values, of the columns that have a code list: of the contract, else the
    file's."""
    found = {}
    for name, column in contract.own(record).items():
        if column.kept and (allowed := _of_column(column, code_lists.get(name))) is not None:
            found[name] = allowed
    return found


def _of_column(column: Column, given: CodeList | None) -> Allowed | None:
    if column.categories:
        categories = column.categories
        if column.type == "integer":
            return Allowed(tuple(int(c) for c in categories))
        return Allowed(tuple(categories)) if column.type == "text" else None
    if column.codes:
        known = given.labels.values() if given is not None else ()
        return Allowed((*column.codes.values(), *known))
    if given is None or not (given.complete or column.role == "dimension"):
        return None
    if headers.labelled(column):
        return Allowed(tuple(given.labels.values()), given.ranges)
    if column.type in ("integer", "number"):
        try:
            numbers = [float(code) for code in given.labels]
        except ValueError:
            return None
        if column.type == "integer":
            numbers = [int(number) for number in numbers if number.is_integer()]
        return Allowed(tuple(numbers), given.ranges)
    return None


def _applicable(contract: Contract, units: Units, notes: list[str]) -> list:
    """Return the known defects that match as many rows as the contract expects; note the others.

    The delivery is read once more for that.
    """
    if not contract.defects:
        return []
    found = dict.fromkeys(range(len(contract.defects)), 0)
    for batches in Units(contract, units.path, units.name, _second(units.folder)):
        for batch in batches:
            for i, defect in enumerate(contract.defects):
                found[i] += len(_matching(batch.table, defect.where))
    applicable = []
    for i, defect in enumerate(contract.defects):
        if found[i] == defect.expect_rows:
            applicable.append(defect)
        else:
            notes.append(
                f"known defect not applied: {found[i]} rows match {defect.where!r}, expected"
                f" {defect.expect_rows} ({defect.reason})"
            )
    return applicable


def _second(folder: Path) -> Path:
    again = folder / "again"
    again.mkdir(mode=0o700)
    return again


def _matching(table: pa.Table, where: str) -> list[int]:
    with conditions.connection() as database:
        database.register("delivery", table)
        numbered = "(select *, row_number() over () - 1 as rowid_ from delivery)"
        query = f"select rowid_ from {numbered} where ({where}\n) order by 1"  # noqa: S608
        return database.execute(query).fetchnumpy()["rowid_"].tolist()


def _take_out_defects(batch: Batch, defects: list) -> None:
    taken: dict[int, str] = {}
    for defect in defects:
        for place in _matching(batch.table, defect.where):
            taken.setdefault(place, defect.reason)
    if not taken:
        return
    places = pa.array(sorted(taken), pa.int64())
    rows = pc.take(batch.table.column(ROW_NUMBER), places).to_pylist()
    batch.held_out += [
        Quarantined(row, "defect", None, taken[place], {})
        for row, place in zip(rows, places.to_pylist(), strict=True)
    ]
    keep = pc.invert(pc.is_in(pa.array(range(batch.table.num_rows), pa.int64()), places))
    batch.table = batch.table.filter(keep)


def figures(contract: Contract, stored: Stored, file: str) -> pa.Table:
    """Return the rows of the raw table that are made from ``stored``: columns of ``contract.raw``, and
    ``_row_number`` from 1. Raises DeliveryError when the design does not hold, or nothing can be made.
    """
    parts = []
    try:
        if contract.estimation is not None:
            from statloom.landing import survey

            for record in survey.records(contract):
                checks.refuse_psu_in_two_strata(stored, record, contract.estimation.design, file)
            parts.append(survey.estimates(contract, stored))
        if contract.tabulation is not None:
            from statloom.microdata import tabulation

            parts.append(tabulation.figures(contract, stored))
    except DeliveryError as error:
        raise DeliveryError(
            error.reason,
            source=contract.source,
            file=error.file or file,
            row=error.row,
            column=error.column,
        ) from None
    except StatloomError as error:
        raise DeliveryError(str(error), source=contract.source, file=file) from None
    table = pa.concat_tables(parts, promote_options="default") if len(parts) > 1 else parts[0]
    if len(parts) > 1:
        table = table.set_column(
            table.schema.get_field_index(ROW_NUMBER),
            ROW_NUMBER,
            pa.array(range(1, table.num_rows + 1), pa.int64()),
        )
        # A dimension that only the others have: these are of its total.
        for name in contract.named("dimension"):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, pc.fill_null(table[name], TOTAL))
    return table
