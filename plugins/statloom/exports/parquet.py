"""Parquet, with titles, units and the columns' descriptions in the schema's metadata."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from statloom.exports.model import Dataset, Field

MEDIA_TYPE = "application/vnd.apache.parquet"


def write(table: pa.Table, path: Path, *, dataset: Dataset, fields: tuple[Field, ...]) -> Path:
    """Write ``table`` to ``path``; the same table and metadata give the same bytes.

    File metadata: ``series_code, title, description, unit, licence, source``, and ``synthetic``. Each column
    has its ``description``; ``value`` has the ``unit`` too.
    """
    about = {
        "series_code": dataset.code,
        "title": dataset.title,
        "description": dataset.description,
        "unit": dataset.unit,
        "licence": "; ".join(dataset.licences),
        "source": "; ".join(f"{source.title} ({source.custodian})" for source in dataset.sources),
        "synthetic": "true" if dataset.synthetic else "false",
    }
    said = {field.name: field.description for field in fields}
    columns = [
        column.with_metadata(
            {"description": said.get(column.name, "")}
            | ({"unit": dataset.unit} if column.name == "value" else {})
        )
        for column in table.schema
    ]
    described = table.cast(pa.schema(columns, metadata=about))
    pq.write_table(described, path, compression="zstd", row_group_size=1_000_000, write_page_index=True)
    return path
