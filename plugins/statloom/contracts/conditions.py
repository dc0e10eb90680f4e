"""SQL conditions of contracts, run by DuckDB with no way out to files or the network."""

from collections.abc import Mapping

_TYPES = {"text": "varchar", "integer": "bigint", "number": "double", "date": "date", "boolean": "boolean"}


def quoted(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def connection():
    """Return a DuckDB connection in memory that can reach nothing outside."""
    import duckdb

    opened = duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"})
    opened.execute("set lock_configuration = true")
    return opened


def problem(condition: str, types: Mapping[str, str]) -> str | None:
    """Return why ``condition`` is no condition over columns of ``types`` (name → contract type), or None."""
    import duckdb

    with connection() as opened:
        columns = ", ".join(f"{quoted(name)} {_TYPES[kind]}" for name, kind in types.items())
        opened.execute(f"create table delivery ({columns})")
        try:
            # A condition of a contract, run where it can reach nothing but an empty table.
            query = f"select 1 from delivery where ({condition}\n)"  # noqa: S608
            statements = opened.extract_statements(query)
            if len(statements) != 1:
                return "must be one condition"
            opened.execute(statements[0])
        except duckdb.Error as error:
            return f"not valid SQL: {str(error).splitlines()[0]}"
    return None
