"""Make the warehouse know the contracts: raw tables, ``landing.source`` and ``landing.series_mapping``."""

import json
from collections.abc import Iterable

from sqlalchemy import Connection, Engine, text

from statloom.contracts.conditions import quoted
from statloom.contracts.loading import load_all
from statloom.contracts.model import Contract
from statloom.contracts.series import mapping
from statloom.errors import ContractError

BOOKKEEPING = {"_delivery_id": "bigint", "_row_number": "bigint"}


def register(engine: Engine, contracts: Iterable[Contract] | None = None) -> list[str]:
    """Bring raw tables and bookkeeping in line with ``contracts`` (default: all); return the changed sources.

    One transaction. A contract that is registered already, by its sha256, costs nothing. Columns that a
    contract has gained are added to its raw table; columns that it has lost stay, and are empty in new
    deliveries.
    Raises ContractError when a column of a raw table has another type than the contract says.
    """
    contracts = list(load_all().values() if contracts is None else contracts)
    with engine.begin() as connection:
        return register_in(connection, contracts)


def register_in(connection: Connection, contracts: list[Contract]) -> list[str]:
    """As `register`, within the connection's transaction."""
    # Two DAGs may register at once: the second waits, and finds nothing to do.
    connection.execute(text("select pg_advisory_xact_lock(hashtext('statloom.contracts.register'))"))
    known = dict(connection.execute(text("select source_id, contract_sha256 from landing.source")).all())
    existing = _raw_tables(connection)
    changed = [
        c
        for c in contracts
        if known.get(c.source) != c.sha256 or not _complete(c, existing.get(c.source, {}))
    ]
    if not changed:
        return []
    statements = [s for c in changed for s in _table_statements(c, existing.get(c.source))]
    if statements:
        connection.exec_driver_sql("; ".join(statements))
    connection.execute(
        text(
            "insert into landing.source (source_id, contract, contract_sha256)"
            " values (:source_id, cast(:contract as jsonb), :sha256)"
            " on conflict (source_id) do update set contract = excluded.contract,"
            " contract_sha256 = excluded.contract_sha256, registered_at = now()"
        ),
        [{"source_id": c.source, "contract": as_json(c), "sha256": c.sha256} for c in changed],
    )
    connection.execute(
        text("delete from landing.series_mapping where source_id = any(:sources)"),
        {"sources": [c.source for c in changed]},
    )
    rows = [row for c in changed for row in mapping(c)]
    if rows:
        connection.execute(
            text(
                "insert into landing.series_mapping"
                " (source_id, series_code, role, measure, categories, breakdown)"
                " select * from jsonb_to_recordset(cast(:rows as jsonb)) as r (source_id text,"
                " series_code text, role text, measure text, categories jsonb, breakdown jsonb)"
            ),
            {
                "rows": json.dumps(
                    [
                        {
                            **row,
                            "categories": json.loads(row["categories"]),
                            "breakdown": json.loads(row["breakdown"]),
                        }
                        for row in rows
                    ]
                )
            },
        )
    return [c.source for c in changed]


def _raw_tables(connection: Connection) -> dict[str, dict[str, str]]:
    """Return source → {column: PostgreSQL type} of every table of schema raw."""
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        text(
            "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)"
            " from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where c.relnamespace = 'raw'::regnamespace and c.relkind in ('r', 'p')"
            " and a.attnum > 0 and not a.attisdropped"
        )
    ):
        tables.setdefault(table, {})[column] = kind
    return tables


def _complete(contract: Contract, table: dict[str, str]) -> bool:
    return (contract.raw_columns | BOOKKEEPING).items() <= table.items()


def _table_statements(contract: Contract, table: dict[str, str] | None) -> list[str]:
    name = f"raw.{quoted(contract.source)}"
    wanted = contract.raw_columns
    if table is None:
        columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in wanted.items())
        return [
            f"create table {name} ({columns}, _delivery_id bigint not null, _row_number bigint not null)",
            f"create index on {name} (_delivery_id, _row_number)",
        ]
    retyped = [
        f"{column} is {table[column]} there and {kind} in the contract"
        for column, kind in wanted.items()
        if column in table and table[column] != kind
    ]
    if retyped:
        raise ContractError(
            f"{contract.path}: raw.{contract.source} has columns of another type: {'; '.join(retyped)}."
            f" 'statloom source rebuild {contract.source}' makes the table anew from the archived deliveries"
        )
    return [
        f"alter table {name} add column {quoted(column)} {kind}"
        for column, kind in wanted.items()
        if column not in table
    ]


def as_json(contract: Contract) -> str:
    """Return ``contract`` as a JSON document with the names of the YAML keys."""
    from dataclasses import fields, is_dataclass

    def plain(value):
        if is_dataclass(value):
            return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        if hasattr(value, "items"):
            return {key: plain(v) for key, v in value.items()}
        if isinstance(value, tuple):
            return [plain(v) for v in value]
        return value

    return json.dumps(plain(contract), ensure_ascii=False)
