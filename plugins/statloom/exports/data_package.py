"""A Frictionless Data Package (version 2) over the whole of a release."""

import json
from pathlib import Path

from statloom.exports.licences import licence
from statloom.exports.model import About, File, Source, Table

NAME = "datapackage.json"
PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
TABLE_SCHEMA = "https://datapackage.org/profiles/2.0/tableschema.json"


def build(about: About, tables: list[Table]) -> dict:
    """Return the descriptor: every CSV as a table with types and keys, every Parquet file as a file."""
    sources = {
        source.source_id: source for table in tables if table.dataset for source in table.dataset.sources
    }
    resources = [_table(table) for table in tables]
    resources += [_parquet(table) for table in tables if table.parquet]
    package = {
        "$schema": PROFILE,
        "name": f"open-data-{about.release_id}",
        "title": about.title,
        "description": about.description,
        "version": f"{about.release_id}.0.0",
        "created": f"{about.issued.isoformat()}T00:00:00Z",
        "contributors": [{"title": about.publisher, "roles": ["publisher"]}],
        "licenses": _licences(sources.values()),
        "sources": _sources(sources.values()),
        "resources": resources,
    }
    if about.contact:
        package["contributors"][0]["email"] = about.contact
    return {key: value for key, value in package.items() if value}


def write(folder: Path, about: About, tables: list[Table]) -> Path:
    """Write ``datapackage.json`` into ``folder`` and return its path."""
    path = folder / NAME
    text = json.dumps(build(about, tables), ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _name(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in text.lower())


def _file(file: File) -> dict:
    return {
        "path": file.path,
        "mediatype": file.media_type,
        "bytes": file.bytes,
        "hash": f"sha256:{file.sha256}",
    }


def _table(table: Table) -> dict:
    schema = {
        "$schema": TABLE_SCHEMA,
        "fields": [
            {"name": field.name, "type": field.type}
            | ({"description": field.description} if field.description else {})
            | ({"constraints": {"required": True}} if field.required else {})
            for field in table.fields
        ],
        "missingValues": [""],
        "primaryKey": list(table.key),
    }
    if table.references:
        schema["foreignKeys"] = [
            {"fields": [column], "reference": {"resource": _name(other), "fields": [target]}}
            for column, other, target in table.references
        ]
    resource = {
        "name": _name(table.name),
        "type": "table",
        "title": table.title,
        "description": table.description,
        **_file(table.file),
        "format": "csv",
        "encoding": "utf-8",
        "dialect": {"delimiter": ",", "header": True},
        "schema": schema,
    }
    if table.file.compression:
        resource["compression"] = table.file.compression
    return resource | _rights(table)


def _parquet(table: Table) -> dict:
    return {
        "name": _name(table.name) + "-parquet",
        "type": "file",
        "title": f"{table.title} (Parquet)",
        "description": table.description,
        **_file(table.parquet),
        "format": "parquet",
    } | _rights(table)


def _rights(table: Table) -> dict:
    if table.dataset is None:
        return {}
    return {
        "licenses": _licences(table.dataset.sources),
        "sources": _sources(table.dataset.sources),
    }


def _licences(sources) -> list[dict]:
    return [licence(name) for name in dict.fromkeys(source.licence for source in sources)]


def _sources(sources: list[Source]) -> list[dict]:
    titles = (source.provenance or f"{source.title}, {source.custodian}" for source in sources)
    return [{"title": title} for title in dict.fromkeys(titles)]
