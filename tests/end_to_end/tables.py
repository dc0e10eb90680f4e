"""Whether every row of every table of a release is as its Data Package says: read whole by DuckDB."""

import csv
import gzip
import json
from pathlib import Path

import duckdb

TYPES = {"string": "varchar", "number": "double", "integer": "bigint", "date": "date", "boolean": "boolean"}


def faults(folder: Path) -> list[str]:
    """Return what is wrong with the CSV files of the release in ``folder``: columns, types, empty fields that
    must not be, keys, and references to rows that are not there.
    """
    package = json.loads((folder / "datapackage.json").read_text())
    tables = {r["name"]: r for r in package["resources"] if r.get("format") == "csv" and "schema" in r}
    referred = {
        key["reference"]["resource"]
        for table in tables.values()
        for key in table["schema"].get("foreignKeys", [])
    }
    found = [] if tables else ["there is no table"]
    with duckdb.connect() as connection:
        # Those that others refer to come first, and stay.
        for name in sorted(tables, key=lambda name: name not in referred):
            try:
                found += _faults(connection, folder, name, tables[name])
            except duckdb.Error as error:
                found.append(f"{name}: {error}")
            if name not in referred:
                connection.execute(f"drop table if exists {_quoted(name)}")
    return found


def _faults(connection: duckdb.DuckDBPyConnection, folder: Path, name: str, table: dict) -> list[str]:
    schema, path = table["schema"], folder / table["path"]
    columns = {field["name"]: TYPES[field["type"]] for field in schema["fields"]}
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        header = next(csv.reader(file))
    if header != list(columns):
        return [f"{name}: columns {header}"]
    connection.execute(
        f"create table {_quoted(name)} as select * from"
        f" read_csv('{path}', auto_detect=false, header=true, quote='\"', escape='\"', columns={columns})"
    )

    def number(question: str) -> int:
        return connection.execute(f"select {question}").fetchall()[0][0]

    asked = {"rows of no key of their own": f"count(*) - count(distinct ({_list(schema['primaryKey'])}))"}
    for field in schema["fields"]:
        if field.get("constraints", {}).get("required"):
            asked[f"empty fields {field['name']}"] = f"count(*) - count({_quoted(field['name'])})"
    counted = {what: number(f"{question} from {_quoted(name)}") for what, question in asked.items()}
    for key in schema.get("foreignKeys", []):
        other, here, there = key["reference"]["resource"] or name, key["fields"], key["reference"]["fields"]
        counted[f"rows whose {here} are not in {other}"] = number(
            f"count(*) from {_quoted(name)} where ({_list(here)}) not in"
            f" (select ({_list(there)}) from {_quoted(other)})"
            + "".join(f" and {_quoted(column)} is not null" for column in here)
        )
    return [f"{name}: {n} {what}" for what, n in counted.items() if n]


def _list(names: list[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
