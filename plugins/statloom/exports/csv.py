"""Tidy CSV: UTF-8, comma, a header, an empty field for a missing value, lines ended by a line feed.

Formulas in texts are neutralised.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from statloom.exports import packing
from statloom.exports.formulas import neutralised

MEDIA_TYPE = "text/csv"
_OPTIONS = pa_csv.WriteOptions(include_header=True, quoting_style="needed", quoting_header="needed")


def render(table: pa.Table) -> memoryview:
    """Return ``table`` as the bytes of a CSV file; up to the first line feed it is the header."""
    stream = pa.BufferOutputStream()
    pa_csv.write_csv(neutralised(table), stream, _OPTIONS)
    return memoryview(stream.getvalue())


def save(text: memoryview, path: Path, *, gzip_above: int | None = None) -> Path:
    """Write the bytes of a CSV file to ``path`` (``….csv``), or to ``….csv.gz`` when there are more than
    ``gzip_above``; return the path written.
    """
    packed = gzip_above is not None and len(text) > gzip_above
    if packed:
        path = path.with_name(path.name + ".gz")
    with packing.File(path, packed=packed) as file:
        file.write(text)
    return path


def write(table: pa.Table, path: Path, *, gzip_above: int | None = None) -> Path:
    """Write ``table`` to ``path`` as ``save`` does. The same table gives the same bytes."""
    return save(render(table), path, gzip_above=gzip_above)
