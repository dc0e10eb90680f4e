"""Query results as Arrow tables, by way of COPY."""

import tempfile

import pyarrow as pa
import pyarrow.csv as pa_csv
from sqlalchemy import Connection

_ARROW = {
    "double precision": pa.float64(),
    "bigint": pa.int64(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}


def read(connection: Connection, select: str, columns: dict[str, str]) -> pa.Table:
    """Return the rows of ``select``, which yields ``columns`` (name → PostgreSQL type), as an Arrow table.

    Types without a counterpart become text. Null and the empty text stay apart.
    """
    schema = pa.schema([(name, _ARROW.get(kind, pa.string())) for name, kind in columns.items()])
    with tempfile.TemporaryFile() as file:
        with (
            connection.connection.driver_connection.cursor() as cursor,
            cursor.copy(f"copy ({select}) to stdout with (format csv)") as copy,
        ):
            for block in copy:
                file.write(block)
        if not file.tell():
            return schema.empty_table()
        file.seek(0)
        return pa_csv.read_csv(
            file,
            read_options=pa_csv.ReadOptions(column_names=list(columns)),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        ).combine_chunks()
