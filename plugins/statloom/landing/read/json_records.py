"""JSON documents that hold a list of records. Nested keys are joined with a dot."""

import json
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa

from statloom.contracts.model import Format
from statloom.errors import DeliveryError
from statloom.landing.read import checks
from statloom.landing.read.cells import Cells

_MAXIMUM_CELLS = 40_000_000
# Each costs some hundred bytes of memory, however few it has in the file.
_MAXIMUM_LISTS = 5_000_000


def document(path: Path, name: str, compression: str | None = None):
    """Return the parsed JSON document.

    Raises DeliveryError, with the line, when it is truncated or damaged.
    """
    with tempfile.TemporaryDirectory(prefix="statloom-") as folder:
        text = Path(folder) / "document.json"
        _plain(path, name, text, compression)
        try:
            return json.loads(text.read_bytes())
        except json.JSONDecodeError as error:
            ended = error.pos >= text.stat().st_size - 1
            reason = "ends in the middle: it is truncated" if ended else f"is damaged: {error.msg}"
            raise DeliveryError(f"the JSON document {reason}", file=name, row=error.lineno) from None
        except UnicodeDecodeError as error:
            raise DeliveryError(f"not UTF-8 (position {error.start + 1:,})", file=name) from None
        except RecursionError:
            raise DeliveryError("the JSON document is nested too deeply", file=name) from None


def _plain(path: Path, name: str, target: Path, compression: str | None) -> None:
    size = lists = values = 0
    with target.open("wb") as out:
        for chunk in checks.chunks(path, name, compression):
            size += len(chunk)
            if size > checks.MAXIMUM_DOCUMENT:
                raise DeliveryError(f"more than {checks.MAXIMUM_DOCUMENT:,} bytes of JSON", file=name)
            lists += chunk.count(b"{") + chunk.count(b"[")
            values += chunk.count(b",")
            if lists > _MAXIMUM_LISTS or values > _MAXIMUM_CELLS:
                raise DeliveryError(
                    f"more than {_MAXIMUM_LISTS:,} lists and records or {_MAXIMUM_CELLS:,} values in one JSON"
                    " document",
                    file=name,
                )
            out.write(chunk)


def cells(form: Format, path: Path, name: str) -> Cells:
    """Return the records of a JSON document as cells of text. A row is a record's position in its list."""
    found = document(path, name, form.compression)
    for key in form.records.split(".") if form.records else []:
        if not isinstance(found, dict) or key not in found:
            raise DeliveryError(f"no list at {form.records!r} in the JSON document", file=name)
        found = found[key]
    return table(found, name)


def table(records, name: str) -> Cells:
    """Return a list of mappings as cells of text."""
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise DeliveryError("not a list of records", file=name)
    if not records:
        raise DeliveryError("the list of records is empty", file=name)
    names: set[str] = set()
    for record in records:
        names |= record.keys()
        names.update(f"{k}.{inner}" for k, v in record.items() if type(v) is dict for inner in v)
        if len(names) > checks.MAXIMUM_COLUMNS:
            raise DeliveryError(
                f"the records have more than {checks.MAXIMUM_COLUMNS:,} different keys", file=name
            )
    if len(names) * len(records) > _MAXIMUM_CELLS:
        raise DeliveryError(f"{len(names):,} keys in {len(records):,} records: too large a table", file=name)
    frame = pd.json_normalize(records)
    if len(frame.columns) > checks.MAXIMUM_COLUMNS:
        raise DeliveryError(f"{len(frame.columns):,} keys, counting nested ones, are too many", file=name)
    columns = {str(column): pa.array(frame[column].map(_text).tolist(), pa.string()) for column in frame}
    return Cells(pa.table(columns), pa.array(range(1, len(frame) + 1), pa.int64()))


def _text(value) -> str | None:
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
