"""Tidy CSV: UTF-8, comma, a header, an empty field for a missing value, lines ended by a line feed.

Formulas in texts are neutralised.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from statloom.exports.formulas import neutralised

MEDIA_TYPE = "text/csv"


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
