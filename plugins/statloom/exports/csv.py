"""Tidy CSV: UTF-8, comma, a header, an empty field for a missing value, lines ended by a line feed."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

MEDIA_TYPE = "text/csv"

# A spreadsheet takes a text that begins so for a formula and runs it.
_FORMULA = r"^([=+\-@\t\r])"


def neutralised(table: pa.Table) -> pa.Table:
    """Return ``table`` with an apostrophe before each text that a spreadsheet would run as a formula.

    Numbers keep their signs: only text columns are touched.
    """
    for position, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            column = table.column(position)
            if pc.any(pc.match_substring_regex(column, _FORMULA)).as_py():
                safe = pc.replace_substring_regex(column, _FORMULA, r"'\1")
                table = table.set_column(position, field, safe)
    return table


def write(table: pa.Table, path: Path, *, gzip_above: int | None = None) -> Path:
    """Write ``table`` to ``path`` (``….csv``), or to ``….csv.gz`` when it is larger than ``gzip_above``
    bytes.

    Returns the path written. The same table gives the same bytes.
    """
    safe = neutralised(table)
    options = pa_csv.WriteOptions(include_header=True, quoting_style="needed", quoting_header="needed")
    if gzip_above is not None and safe.nbytes > gzip_above:
        path = path.with_name(path.name + ".gz")
        with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "gzip") as stream:
            pa_csv.write_csv(safe, stream, options)
    else:
        pa_csv.write_csv(safe, str(path), options)
    return path
