"""CSV on the Web: what every CSV of a release holds, in the form that its readers look for beside it."""

import json
from pathlib import Path

from statloom.exports.licences import address
from statloom.exports.model import About, Field, File, Table

NAME = "csv-metadata.json"
_CONTEXT = ["http://www.w3.org/ns/csvw", {"@language": "en"}]
_TYPES = {"number": "double"}
_GZIP = "https://www.iana.org/assignments/media-types/application/gzip"


def build(about: About, tables: list[Table]) -> dict:
    """Return the description of all tables: columns with titles, types and units, keys, and where they lead.

    A packed CSV is described under the name that it has when it is unpacked: the standard knows plain files.
    """
    urls = {table.name: url(table.file) for table in tables}
    return {
        "@context": _CONTEXT,
        "@type": "TableGroup",
        "dc:title": _texts(about.titles.each()),
        "dc:description": _texts(about.descriptions.each()),
        "dc:publisher": about.publisher,
        "dc:issued": {"@value": about.issued.isoformat(), "@type": "xsd:date"},
        "tables": [_table(table, urls) for table in tables],
    }


def write(folder: Path, about: About, tables: list[Table]) -> Path:
    """Write ``csv-metadata.json`` into ``folder`` and return its path."""
    path = folder / NAME
    text = json.dumps(build(about, tables), ensure_ascii=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")
    return path


def url(file: File) -> str:
    """Return the path of a CSV without the ending of its packing."""
    return file.path.removesuffix(".gz")


def _texts(texts: dict[str, str]) -> list[dict[str, str]]:
    return [{"@value": text, "@language": language} for language, text in texts.items()]


def _table(table: Table, urls: dict[str, str]) -> dict:
    required = {field.name for field in table.fields if field.required}
    schema = {
        "columns": [_column(field) for field in table.fields],
        "primaryKey": list(table.key),
        "foreignKeys": [
            {
                "columnReference": column,
                "reference": {"resource": urls[other or table.name], "columnReference": target},
            }
            for column, other, target in table.references
            # Readers of the standard take an empty reference for a wrong one.
            if column in required
        ],
    }
    described = {
        "url": url(table.file),
        "dc:title": _texts(table.titles.each()),
        "dc:description": table.description,
        "tableSchema": {name: value for name, value in schema.items() if value},
    }
    if table.file.compression:
        described["dcat:downloadURL"] = {"@id": table.file.path}
        described["dcat:compressFormat"] = {"@id": _GZIP}
    if table.dataset:
        pages = [address(name) for name in table.dataset.licences]
        described["dc:license"] = [{"@id": page} for page in pages if page] or list(table.dataset.licences)
        described["dc:identifier"] = table.dataset.code
    elif table.source:
        described["dc:license"] = [{"@id": address(table.source.licence) or table.source.licence}]
    return described


def _column(field: Field) -> dict:
    titles = field.title.each() if field.title else {}
    # The header is among the titles: readers compare them.
    english = [field.name] + ([titles["en"]] if titles.get("en", field.name) != field.name else [])
    described = {
        "name": field.name,
        "titles": {"en": english} | ({"ne": titles["ne"]} if "ne" in titles else {}),
        "datatype": _TYPES.get(field.type, field.type),
    }
    if field.required:
        described["required"] = True
    if field.description:
        described["dc:description"] = field.description
    if field.unit:
        described["schema:unitText"] = field.unit
    return described
