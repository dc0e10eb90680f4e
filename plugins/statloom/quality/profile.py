"""The profile of a delivery of microdata at the raw gate: one row for each column and kind of fault.

Unit records never enter PostgreSQL, so what can be judged of them is what was counted while they were read.
A source's own expectations on it stand in ``expectations/raw/<source>.profile.yml``.
"""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql)

from dataclasses import replace

from sqlalchemy import Connection, text

from statloom.contracts import Contract
from statloom.quality import sql
from statloom.quality.suites import Check, Suite

PROFILE = "judged_profile"
COLUMNS = (
    "file_name",
    "record",
    "column_name",
    "fault",
    "rows",
    "faults",
    "first_row",
    "distinct_values",
    "minimum",
    "maximum",
)
EXAMPLE_COLUMNS = ("file_name", "record", "column_name", "fault", "faults", "rows", "first_row")
_OF_COLUMN = ("missing", "out_of_code_list", "out_of_range", "unreadable")
_OF_RECORD = {"duplicate_keys": "first_duplicate_key", "orphans": "first_orphan"}


def prepare(connection: Connection, delivery_id: int) -> None:
    """Make the temporary table ``PROFILE``: `COLUMNS`; ``column_name`` is empty for faults of whole rows,
    ``fault`` is ``without <record>`` for rows of a parent without that record."""
    parts = [
        f"select about.file_name, record, found.column_name, '{fault}' as fault, found.rows,"
        f" coalesce(found.{fault}, 0) as faults, found.first_{fault} as first_row, found.distinct_values,"
        " found.minimum, found.maximum from landing.column_profile as found"
        " join landing.record_profile as about using (delivery_id, record) where delivery_id = :id"
        for fault in _OF_COLUMN
    ]
    parts += [
        f"select file_name, record, '', '{fault}', rows, {fault}, {first}, null, null, null"
        " from landing.record_profile where delivery_id = :id"
        for fault, first in _OF_RECORD.items()
    ]
    parts.append(
        "select file_name, record, '', 'without ' || child.key, rows, (child.value ->> 'rows')::bigint,"
        " (child.value ->> 'first_row')::bigint, null, null, null"
        " from landing.record_profile cross join jsonb_each(childless) as child where delivery_id = :id"
    )
    query = " union all ".join(part.replace(":id", str(int(delivery_id))) for part in parts)
    connection.execute(text(f"create temporary table {PROFILE} as {query}"))
    connection.execute(text(f"analyze {PROFILE}"))


def suite(contract: Contract) -> Suite:
    """Return what the contract expects of its deliveries' profiles.

    Structure: keys are unique, rows have their parent, and their children where those are required.
    Completeness: required columns are filled. Accuracy: values are in their code lists and ranges. Each fails
    beyond the contract's ``tolerance``.
    """
    allowed = contract.tolerance
    required = [
        (record, name)
        for record in contract.records
        for name, column in contract.own(record).items()
        if column.in_vault and column.required and not column.optional
    ]
    children = [f"without {name}" for name, r in contract.records.items() if r.parent and r.required]
    checks = [
        _check(contract, "structure", "Keys are unique", "duplicate_keys", allowed.duplicate_keys),
        _check(
            contract,
            "accuracy",
            "Values are in their code list",
            "out_of_code_list",
            allowed.out_of_code_list,
        ),
        _check(
            contract,
            "accuracy",
            "Values are between the contract's minimum and maximum",
            "out_of_range",
            allowed.out_of_range,
        ),
    ]
    if len(contract.records) > 1:
        orphans = _check(
            contract, "structure", "Rows belong to a row of their parent", "orphans", allowed.orphans
        )
        checks.append(orphans)
    if children:
        among = f"fault in ({sql.literals(children)})"
        checks.append(
            _check(
                contract, "structure", "Rows have the records below that are required", among, allowed.orphans
            )
        )
    if required:
        pairs = ", ".join(f"({sql.literals([record, name])})" for record, name in required)
        among = f"fault = 'missing' and (record, column_name) in ({pairs})"
        checks.append(_check(contract, "completeness", "Required columns are filled", among, allowed.missing))
    return Suite(
        name=f"raw.{contract.source}.profile",
        table=PROFILE,
        checks=tuple(checks),
        example_columns=EXAMPLE_COLUMNS,
    )


def _check(contract: Contract, dimension: str, description: str, fault: str, tolerated: float) -> Check:
    where = fault if " " in fault else f"fault = {sql.literal(fault)}"
    return Check(
        "expect_rows_to_satisfy",
        dimension,
        "fail",
        description,
        where=contract.path,
        kwargs={"condition": f"faults <= {tolerated!r} * rows", "where": where},
        owner=contract.owner,
    )


def extended(contract: Contract, declared: Suite | None) -> Suite:
    """Return the contract's suite with the checks of the source's own file behind it."""
    generated = suite(contract)
    if declared is None:
        return generated
    checks = (replace(check, owner=check.owner or contract.owner) for check in declared.checks)
    return replace(
        generated,
        checks=(*generated.checks, *checks),
        warning_budget=declared.warning_budget,
        example_columns=declared.example_columns or generated.example_columns,
    )
