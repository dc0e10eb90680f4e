"""A Frictionless Data Package (version 2) over the whole of a release."""

import json
from collections.abc import Iterable
from pathlib import Path

from statloom.exports.licences import licence
from statloom.exports.model import About, File, Source, Table

NAME = "datapackage.json"
PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
TABLE_SCHEMA = "https://datapackage.org/profiles/2.0/tableschema.json"


def build(about: About, tables: list[Table], files: Iterable[File] = ()) -> dict:
    """Return the descriptor: every CSV as a table with types and keys, every other file as a file.

    ``files`` hold the release as a whole.
    """
    sources = {
        source.source_id: source for table in tables if table.dataset for source in table.dataset.sources
    }
    resources = [_table(table) for table in tables]
    resources += [_parquet(table) for table in tables if table.parquet]
    resources += [_other(table, file) for table in tables for file in table.others]
    resources += [_other(None, file) for file in files]
    package = {
        "$schema": PROFILE,
        "name": f"open-data-{about.release_id}",
        "title": about.title,
        "titles": about.titles.each(),
        "description": about.description,
        "descriptions": about.descriptions.each(),
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


def write(folder: Path, about: About, tables: list[Table], files: Iterable[File] = ()) -> Path:
    """Write ``datapackage.json`` into ``folder`` and return its path."""
    path = folder / NAME
    text = json.dumps(build(about, tables, files), ensure_ascii=False)
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
            | ({"title": field.title.en, "titles": field.title.each()} if field.title else {})
            | ({"description": field.description} if field.description else {})
            | ({"unit": field.unit} if field.unit else {})
            | ({"constraints": {"required": True}} if field.required else {})
            for field in table.fields
        ],
        "missingValues": [""],
    }
    if table.key:
        schema["primaryKey"] = list(table.key)
    if table.references:
        schema["foreignKeys"] = [
            {"fields": [column], "reference": {"resource": _name(other), "fields": [target]}}
            for column, other, target in table.references
        ]
    resource = {
        "name": _name(table.name),
        "type": "table",
        "title": table.title,
        "titles": table.titles.each(),
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


def _other(table: Table | None, file: File) -> dict:
    name = file.path.removesuffix(".gz")
    title = file.title.en if file.title else name
    resource = {
        "name": _name(name.replace("/", "-")),
        "type": "file",
        "title": f"{table.title} ({title})" if table else title,
        **_file(file),
        "format": name.rpartition(".")[2],
    }
    if file.compression:
        resource["compression"] = file.compression
    return resource | _rights(table)


def _rights(table: Table | None) -> dict:
    if table is not None and table.source:
        return {"licenses": _licences([table.source]), "sources": _sources([table.source])}
    if table is None or table.dataset is None:
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
