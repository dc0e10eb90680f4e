"""Writers whose bytes depend on the content alone: no clock, no user name, no random identifier."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from pathlib import Path

ZIP_EPOCH = (2023, 6, 20, 0, 0, 0)
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")


def write_gzip(path: Path, content: bytes) -> None:
    """Write `content` to `path` gzipped, without file name and time in the header."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as stream:
        stream.write(content)
    path.write_bytes(buffer.getvalue())


def write_workbook(path: Path, workbook) -> None:
    """Write an openpyxl `workbook` to `path` with fixed times in its properties and in the zip directory."""
    draft = io.BytesIO()
    workbook.save(draft)
    buffer = io.BytesIO()
    with zipfile.ZipFile(draft) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = _MODIFIED.sub(rb"\g<1>2023-06-20T00:00:00Z\g<2>", content)
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            target.writestr(entry, content, compresslevel=9)
    path.write_bytes(buffer.getvalue())


def write_zip(path: Path, contents: dict[str, bytes]) -> None:
    """Write `contents` (name: bytes) to `path` as a zip file whose times are fixed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content, compresslevel=9)
    path.write_bytes(buffer.getvalue())
