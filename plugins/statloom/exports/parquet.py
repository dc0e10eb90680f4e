"""Parquet, with titles, units and the columns' descriptions in the schema's metadata."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from statloom.exports.model import Dataset, Field

MEDIA_TYPE = "application/vnd.apache.parquet"
_ROWS_A_GROUP = 1_000_000


def write(table: pa.Table, path: Path, *, dataset: Dataset, fields: tuple[Field, ...]) -> Path:
    """Write ``table``, the figures of ``dataset``, to ``path``; the same input gives the same bytes.

    File metadata: ``series_code, title, title_ne, description, definition_ne, unit, unit_ne, licence,
    source, synthetic``. Each column has its ``title, title_ne, description`` and ``unit``, where it has them.
    """
    about = {
        "series_code": dataset.code,
        "title": dataset.title,
        "title_ne": dataset.title_ne,
        "description": dataset.description,
        "definition_ne": dataset.definition_ne,
        "unit": dataset.unit,
        "unit_ne": dataset.unit_ne,
        "licence": "; ".join(dataset.licences),
        "source": "; ".join(f"{source.title} ({source.custodian})" for source in dataset.sources),
        "synthetic": "true" if dataset.synthetic else "false",
    }
    fields = tuple(
        replace(field, unit=dataset.unit) if field.name == "value" and field.unit is None else field
        for field in fields
    )
    return write_table(table, path, about=about, fields=fields)


def write_table(
    table: pa.Table, path: Path, *, about: dict[str, str | None], fields: tuple[Field, ...]
) -> Path:
    """Write ``table`` to ``path``: ``about`` is the file's metadata, ``fields`` say what columns hold."""
    pq.write_table(described(table, about, fields), path, **OPTIONS)
    return path


OPTIONS = {"compression": "zstd", "row_group_size": _ROWS_A_GROUP, "write_page_index": True}


def described(table: pa.Table, about: dict[str, str | None], fields: tuple[Field, ...]) -> pa.Table:
    """Return ``table`` with ``about`` and the fields' texts in its schema's metadata."""
    known = {field.name: field for field in fields}
    columns = [column.with_metadata(_said(known.get(column.name))) for column in table.schema]
    return table.cast(pa.schema(columns, metadata=_there(about)))


def _said(field: Field | None) -> dict[str, str]:
    if field is None:
        return {}
    titles = field.title.each() if field.title else {}
    return {"description": field.description} | _there(
        {"title": titles.get("en"), "title_ne": titles.get("ne"), "unit": field.unit}
    )


def _there(texts: dict[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text is not None}
